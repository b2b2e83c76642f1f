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
