// The fan chart: what was delivered, the forecast's mean, its 80 % and 95 % bands, and the reachable capacity.
import { element, tip } from "./tip.js";

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const whole = (value) => (value == null ? "—" : number.format(value).replace("-", "−"));
const range = (low, high) => `${whole(low)} – ${whole(high)}`;

export function drawFan(boot) {
  const box = document.getElementById("fan");
  const sentence = document.getElementById("fan-sentence");
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(name).trim();
  const chart = echarts.init(box);
  new ResizeObserver(() => chart.resize()).observe(box);

  function option(data) {
    const { texts } = boot;
    const { history, forecast, reach } = data;
    const points = (weeks, values) => weeks.map((week, i) => [week, values[i]]);
    const at = (weeks) => new Map(weeks.map((week, i) => [week, i]));
    const [past, future, capacity] = [at(history.week_start), at(forecast.week_start), at(reach.week_start)];
    const band = (name, low, high, areaColor) => [
      { ...invisible, name: `${name}-low`, stack: name, data: points(forecast.week_start, forecast[low]) },
      { ...invisible, name, stack: name, areaStyle: { color: areaColor, opacity: 1 },
        data: points(forecast.week_start, forecast[high].map((value, i) => value - forecast[low][i])) },
    ];
    const line = { type: "line", symbol: "none", silent: true };
    const invisible = { ...line, lineStyle: { opacity: 0 }, stackStrategy: "all" };

    function hint(week) {
      if (past.has(week)) return tip(week, [[texts.history, whole(history.m3[past.get(week)])]]);
      const i = future.get(week);
      if (i === undefined) return "";
      const pairs = [
        [texts.mean, whole(forecast.mean[i])],
        [texts.band_80, range(forecast.q10[i], forecast.q90[i])],
        [texts.band_95, range(forecast.q025[i], forecast.q975[i])],
      ];
      if (capacity.has(week)) pairs.push([texts.reach_line, whole(reach.m3[capacity.get(week)])]);
      return tip(week, pairs);
    }

    return {
      animation: false,
      textStyle: { fontFamily: colour("--sans") },
      grid: { left: 8, right: 14, top: 26, bottom: 6, containLabel: true },
      tooltip: {
        trigger: "axis", confine: true, padding: 10,
        axisPointer: { lineStyle: { color: "#8d9aa3" } },
        formatter: (items) => hint(items[0]?.value[0]),
      },
      xAxis: { type: "time", axisLabel: { color: "#556673", hideOverlap: true, formatter: { year: "{yyyy}", month: boot.lang === "zh" ? "{M}月" : "{MMM}", day: "" } },
        axisLine: { lineStyle: { color: "#b9c3c9" } } },
      yAxis: { type: "value", min: 0, axisLabel: { color: "#556673", formatter: whole }, splitLine: { lineStyle: { color: "#ebeeee" } } },
      series: [
        ...band("band_95", "q025", "q975", colour("--band-95")),
        ...band("band_80", "q10", "q90", colour("--band-80")),
        { ...line, name: "reach", step: "middle", data: points(reach.week_start, reach.m3), lineStyle: { color: colour("--alert"), width: 1.5, type: "dashed" } },
        { ...line, name: "history", data: points(history.week_start, history.m3), lineStyle: { color: colour("--ink"), width: 1.4 } },
        { ...line, name: "mean", data: points(forecast.week_start, forecast.mean), lineStyle: { color: colour("--accent"), width: 2.4 },
          markLine: {
            silent: true, symbol: "none", animation: false,
            label: { color: "#556673", fontSize: 11, formatter: ({ name }) => name },
            lineStyle: { color: "#aab6bd", type: "dotted" },
            data: [
              { name: texts.forecast_from, xAxis: forecast.week_start[0], lineStyle: { type: "solid" }, label: { align: "right" } },
              ...data.spring_festivals.map((day) => ({
                name: texts.spring_festival, xAxis: day, label: { position: "insideStartBottom", rotate: 90 },
              })),
            ],
          } },
      ],
    };
  }

  function fillTable({ forecast }) {
    const rows = forecast.week_start.map((week, i) => {
      const row = document.createElement("tr");
      const head = element("th", week);
      head.scope = "row";
      row.append(head, ...[
        whole(forecast.mean[i]), range(forecast.q10[i], forecast.q90[i]), range(forecast.q025[i], forecast.q975[i]),
      ].map((text) => Object.assign(element("td", text), { className: "number" })));
      return row;
    });
    document.querySelector("#fan-table tbody").replaceChildren(...rows);
  }

  let asked = 0;
  return {
    async show(districtCode, gradeClass, title) {
      const turn = ++asked;
      const answer = await fetch(`/api/fan?${new URLSearchParams({ district_code: districtCode, grade_class: gradeClass })}`);
      if (turn !== asked) return; // another choice was made meanwhile
      if (!answer.ok) {
        sentence.textContent = boot.texts.chart_failed;
        return;
      }
      const data = await answer.json();
      sentence.textContent = title;
      chart.setOption(option(data), { notMerge: true });
      fillTable(data);
      box.dataset.series = `${districtCode}/${gradeClass}`;
    },
  };
}
