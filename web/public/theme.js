// Runs before the first paint so that a dark page never flashes light; the app takes over afterwards.
(function () {
  var scheme = "auto";
  try {
    scheme = localStorage.getItem("pilothouse.theme") || "auto";
  } catch (_) {
    // Storage may be forbidden; then the system's choice holds.
  }
  var dark = scheme === "dark" || (scheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
