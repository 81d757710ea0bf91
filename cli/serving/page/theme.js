// Runs before the page is painted, so that the chosen theme does not flash.
(() => {
  const chosen = localStorage.getItem("atlas-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
})();
