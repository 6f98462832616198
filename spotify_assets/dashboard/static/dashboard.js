// Draws the charts, switches the theme, and applies filters as they are changed.
"use strict";
(() => {
  const root = document.documentElement;
  const color = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();

  // Vega's configuration, from the colours of the style sheet.
  function config() {
    const ink = color("ink"), quiet = color("quiet"), line = color("line"), accent = color("accent");
    const family = getComputedStyle(document.body).fontFamily;
    const categories = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((number) => color("category-" + number));
    const ramp = [1, 2, 3, 4, 5, 6].map((number) => color("ramp-" + number));
    return {
      background: "transparent", font: family, view: { stroke: null },
      // Vega takes text to end a sixth of its size below the baseline; descenders of many fonts are longer.
      padding: { left: 0, top: 0, right: 0, bottom: 4 },
      axis: {
        labelColor: quiet, titleColor: quiet, gridColor: line, domainColor: line, tickColor: line,
        labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 8, domain: false, ticks: false,
        labelPadding: 6,
      },
      legend: { labelColor: ink, titleColor: quiet, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
      bar: { color: accent }, line: { color: accent }, area: { color: accent, line: { color: accent } },
      point: { color: accent, fill: accent }, rect: { color: accent }, text: { color: ink },
      style: { value: { fill: quiet, fontSize: 12 } },
      range: { category: categories, ramp, heatmap: ramp, ordinal: ramp, diverging: ramp },
    };
  }

  async function draw(chart) {
    const spec = structuredClone(chart.spec);
    const width = chart.clientWidth;
    if (spec.encoding?.color?.legend || spec.encoding?.color) {
      // Legends don't wrap by themselves.
      if (spec.encoding.color.legend?.orient === "top") spec.encoding.color.legend.columns = Math.max(1, Math.floor(width / 120));
    }
    await vegaEmbed(chart.querySelector(".view"), spec, {
      ast: true, defaultStyle: false, actions: false, config: config(), renderer: "canvas", loader: { target: "_self" },
      tooltip: { disableDefaultStyle: true },
      // Thin spaces between thousands and before percent signs, as on the rest of the page.
      formatLocale: { decimal: ".", thousands: "\u202f", grouping: [3], currency: ["", ""], percent: "\u202f%" },
    }).then((result) => { chart.drawn?.finalize(); chart.drawn = result; });
    chart.classList.add("drawn");
  }

  const charts = [...document.querySelectorAll(".chart")];
  for (const chart of charts) {
    const source = chart.querySelector("script");
    chart.spec = JSON.parse(source.textContent);
    const view = document.createElement("div");
    view.className = "view";
    chart.append(view);
  }
  const drawAll = () => Promise.all(charts.map(draw));
  drawAll().finally(() => root.classList.add("ready"));

  for (const cover of document.querySelectorAll("img.picture")) {
    cover.addEventListener("error", () => cover.classList.add("missing"));
  }

  for (const twin of document.querySelectorAll(".twin")) twin.open = false;
  root.classList.add("twins");
  const menu = document.querySelector(".menu");
  const wide = matchMedia("(min-width: 1000px)");
  const fit = () => { if (menu) menu.open = wide.matches; };
  fit();
  wide.addEventListener("change", fit);

  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const button = document.querySelector(".theme");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it holds for this page */ }
      drawAll();
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (!root.dataset.theme) drawAll(); });

  for (const form of document.querySelectorAll(".filters")) {
    // What is empty or usual stays out of the address.
    const send = () => {
      const usual = { period: "all", listener: form.dataset.listener };
      const named = [...new FormData(form)].filter(([name, value]) => value !== "" && value !== usual[name]);
      location.search = new URLSearchParams(named).toString();
    };
    form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
    form.addEventListener("change", (event) => {
      if (event.target.name === "period") for (const day of form.querySelectorAll("[type=date]")) day.value = "";
      send();
    });
  }
})();
