// Draws the charts of the report; runs in the reader's browser, where Chart.js has been loaded before.
/* global Chart, document */

// From the lowest to the highest of the rounds, over each bar.
const whiskers = {
  id: 'whiskers',
  afterDatasetsDraw(chart) {
    const { ctx, data, scales } = chart;
    ctx.save();
    ctx.strokeStyle = '#333';
    for (const [index, dataset] of data.datasets.entries()) {
      for (const [place, bar] of chart.getDatasetMeta(index).data.entries()) {
        const [lowest, highest] = dataset.whiskers?.[place] ?? [0, 0];
        if (lowest === highest) continue;
        const [bottom, top] = [lowest, highest].map((value) => scales.y.getPixelForValue(value));
        ctx.beginPath();
        for (const end of [bottom, top]) {
          ctx.moveTo(bar.x - 3, end);
          ctx.lineTo(bar.x + 3, end);
        }
        ctx.moveTo(bar.x, bottom);
        ctx.lineTo(bar.x, top);
        ctx.stroke();
      }
    }
    ctx.restore();
  },
};

// The time of the fault.
const band = {
  id: 'band',
  beforeDatasetsDraw({ ctx, chartArea, scales, options }) {
    if (options.band === undefined) return;
    const [from, until] = [options.band.from, options.band.until].map((at) => scales.x.getPixelForValue(at));
    ctx.save();
    ctx.fillStyle = '#8883';
    ctx.fillRect(from, chartArea.top, Math.max(until - from, 2), chartArea.height);
    ctx.restore();
  },
};

Chart.register(whiskers, band);
const configs = JSON.parse(document.getElementById('charts').textContent);
for (const [index, config] of configs.entries()) new Chart(document.getElementById(`chart-${index}`), config);
