// Draws each .plot[data-plot] from the table inside it: what is drawn is what can be read.
// The first column names the points; a heading's data-color names the colour (a variable of
// style.css) of its column. data-plot is "columns" (upright) or "bars" (lying).
(() => {
  "use strict";

  const drawn = new Map();

  function figuresOf(table) {
    const headings = [...table.tHead.rows[0].cells].slice(1);
    const rows = [...table.tBodies[0].rows];
    return {
      labels: rows.map((row) => row.cells[0].textContent.trim()),
      columns: headings.map((heading, at) => ({
        label: heading.textContent.trim(),
        variable: heading.dataset.color,
        data: rows.map((row) => Number(row.cells[at + 1].textContent)),
      })),
    };
  }

  function draw(plot) {
    const color = (name) => getComputedStyle(plot).getPropertyValue(name).trim();
    const lying = plot.dataset.plot === "bars";
    const { labels, columns } = figuresOf(plot.querySelector("table"));
    const canvas = plot.querySelector("canvas");
    plot.classList.add("drawn");
    drawn.get(plot)?.destroy();
    Chart.defaults.font.family = getComputedStyle(plot).fontFamily;
    Chart.defaults.color = color("--quiet");
    const scale = {
      beginAtZero: true,
      border: { display: false },
      grid: { color: color("--line") },
      ticks: { precision: 0, maxTicksLimit: 6 },
    };
    const names = {
      border: { color: color("--line") },
      grid: { display: false },
      ticks: { maxRotation: 0, autoSkipPadding: 16 },
    };
    drawn.set(plot, new Chart(canvas, {
      type: "bar",
      data: {
        labels,
        datasets: columns.map((column) => ({
          label: column.label,
          data: column.data,
          backgroundColor: color(column.variable),
          borderRadius: 3,
          maxBarThickness: 32,
        })),
      },
      options: {
        animation: false,
        indexAxis: lying ? "y" : "x",
        interaction: { mode: "index", axis: lying ? "y" : "x", intersect: false },
        maintainAspectRatio: false,
        plugins: {
          legend: {
            display: columns.length > 1,
            align: "start",
            labels: { boxWidth: 12, boxHeight: 12 },
          },
        },
        scales: lying ? { x: scale, y: names } : { x: names, y: scale },
      },
    }));
  }

  function drawAll() {
    document.querySelectorAll(".plot[data-plot]").forEach(draw);
  }

  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
