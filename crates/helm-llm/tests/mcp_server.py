"""A small MCP server for tests, of the standard library alone: `stdio LOG`, or `http LOG`, which prints its port."""
import http.server, json, os, sys, threading, time

LOG = sys.argv[2]

def note(text):
    with open(LOG, "a") as log:
        log.write(text + "\n")

def schema(**properties):
    return {"type": "object", "properties": properties, "required": list(properties)}

TOOLS = [
    {"name": "add", "description": "Adds.", "inputSchema": schema(a={"type": "integer"}, b={"type": "integer"})},
    {"name": "environment", "description": "Names.", "inputSchema": {"type": "object"}},
    {"name": "fail.ing", "description": "Fails.", "inputSchema": {"type": "object"}},
    {"name": "sleep", "description": "Never answers.", "inputSchema": {"type": "object"}},
    {"name": "die", "description": "Ends the server.", "inputSchema": {"type": "object"}},
    {"name": "x" * 80, "description": "Has too long a name.", "inputSchema": {"type": "object"}},
]

def call(name, arguments):
    if name == "add":
        return {"content": [{"type": "text", "text": str(arguments["a"] + arguments["b"])}]}
    if name == "environment":
        return {"content": [{"type": "text", "text": " ".join(sorted(os.environ))}]}
    if name == "fail.ing":
        return {"content": [{"type": "text", "text": "not today"}], "isError": True}
    if name == "die":
        os._exit(1)
    return None

def answer(message):
    method, params = message.get("method"), message.get("params") or {}
    note(method or "answer")
    if "id" not in message or method is None:
        return None
    if method == "initialize":
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                  "serverInfo": {"name": "test", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": TOOLS}
    elif method == "tools/call":
        result = call(params["name"], params.get("arguments") or {})
        if result is None:
            return None
    elif method == "ping":
        result = {}
    else:
        return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no such method"}}
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}

def stdio():
    note("begins")
    for line in sys.stdin:
        reply = answer(json.loads(line))
        if reply:
            print(json.dumps(reply), flush=True)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers.get("authorization") != "Bearer sesame":
            return self.reply(401, None)
        reply = answer(body)
        if reply is None and body.get("method") == "tools/call":
            time.sleep(30)
        self.reply(200 if reply else 202, reply)

    def reply(self, status, body):
        data = json.dumps(body).encode() if body else b""
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.reply(405, None)

    do_DELETE = do_GET

    def log_message(self, *_):
        pass

if sys.argv[1] == "stdio":
    stdio()
else:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()
