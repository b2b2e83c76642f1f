// Before anything is drawn: the colours that were chosen here, if not the system's.
{
  let chosen = null;
  try {
    chosen = localStorage.getItem("helm-theme");
  } catch {
    // Where nothing can be kept, the system's colours hold.
  }
  if (chosen === "light" || chosen === "dark") {
    document.documentElement.dataset.theme = chosen;
  }
}
// What the first page shows is asked for while its modules are still on their way; api.js takes it from here.
if (/^\/ui\/?$/.test(location.pathname) && !location.search) {
  let key = null;
  try {
    key = sessionStorage.getItem("helm-key");
  } catch {
    // Then it is asked for once the page is there.
  }
  const path = "/helm/v1/overview?slots=48";
  const headers = { accept: "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const response = fetch(path, { headers, cache: "no-store", credentials: "omit", redirect: "error" });
  // Whoever takes it is told what went wrong.
  response.catch(() => {});
  window.helmBegun = { path, response };
}
