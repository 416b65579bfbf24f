// Before the first paint, so that nobody sees the other theme flash by.
(function () {
  const theme = localStorage.getItem("loquent.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
