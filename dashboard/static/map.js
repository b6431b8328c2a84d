// The schematic map: districts coloured by forecast ÷ reachable capacity, plants by what the plan decides.
import { tip } from "./tip.js";

const DOTS = {
  keep: { symbol: "circle", symbolSize: 7, color: "#1f3a4d" },
  not_opened: { symbol: "circle", symbolSize: 8, color: "#fff", borderColor: "#5c6b7a" },
  merge: { symbol: "diamond", symbolSize: 13, color: "#7a3e9d" },
  close: { symbol: "path://M2 0L5 3L8 0L10 2L7 5L10 8L8 10L5 7L2 10L0 8L3 5L0 2Z", symbolSize: 12, color: "#111" },
  expand: { symbol: "triangle", symbolSize: 13, color: "#00795c" },
  open: { symbol: "rect", symbolSize: 11, color: "#00795c" },
};

export async function drawMap(boot, onDistrict) {
  const box = document.getElementById("map");
  const css = getComputedStyle(document.documentElement);
  const outline = await (await fetch("/api/map")).json();
  const districts = new Map(boot.districts.map((each) => [each.code, each]));
  for (const feature of outline.features) feature.properties.name = feature.properties.district_code;
  const nameOf = (code) => {
    const feature = outline.features.find((each) => each.properties.name === code);
    return districts.get(code)?.name ?? feature?.properties.district_name ?? code;
  };
  const plants = new Map(boot.plants.map((each) => [each.id, each]));
  echarts.registerMap("districts", outline);

  const chart = echarts.init(box);
  chart.setOption({
    animation: false,
    tooltip: { trigger: "item", confine: true, enterable: false, padding: 10 },
    geo: {
      map: "districts",
      aspectScale: 0.892, // cosine of the city's latitude
      left: 6, right: 6, top: 6, bottom: 6,
      selectedMode: "single",
      itemStyle: { borderColor: "#fff", borderWidth: 1 },
      label: { show: false },
      emphasis: { itemStyle: { borderColor: "#0b5c66", borderWidth: 2 }, label: { show: false } },
      select: { itemStyle: { borderColor: "#0b5c66", borderWidth: 3 }, label: { show: false } },
      regions: outline.features.map(({ properties: { name } }) => {
        const place = districts.get(name)?.load_class ?? "none";
        const itemStyle = { areaColor: css.getPropertyValue(`--load-${place}`).trim() };
        return { name, itemStyle, emphasis: { itemStyle }, select: { itemStyle } }; // else a chosen district changes colour
      }),
      tooltip: {
        show: true,
        formatter: ({ name }) => tip(nameOf(name), districts.get(name)?.tip ?? []),
      },
    },
    series: [
      {
        type: "lines", coordinateSystem: "geo", silent: true, symbol: ["none", "arrow"], symbolSize: 7, z: 3,
        lineStyle: { color: "#7a3e9d", width: 1.2, opacity: 0.75, curveness: 0.15 },
        data: boot.plants.filter((each) => plants.has(each.into)).map((each) => ({ coords: [each.at, plants.get(each.into).at] })),
      },
      ...Object.entries(DOTS).map(([decision, { symbol, symbolSize, color, borderColor = "#fff" }]) => ({
        type: "scatter", coordinateSystem: "geo", symbol, symbolSize, z: decision === "keep" ? 4 : 5,
        itemStyle: { color, borderColor, borderWidth: 1, opacity: 1 },
        data: boot.plants.filter((each) => each.decision === decision).map((each) => ({ name: each.name, value: each.at, plant: each })),
        tooltip: { formatter: ({ data: { plant } }) => tip(plant.name, plant.tip, plant.reason) },
      })),
      {
        type: "scatter", coordinateSystem: "geo", silent: true, symbolSize: 0, z: 6, itemStyle: { opacity: 1 }, // names above dots
        data: outline.features.map(({ properties: { name, cp } }) => ({ name, value: cp })),
        label: { show: true, position: "inside", formatter: ({ name }) => nameOf(name), fontSize: 12, color: "#17242e",
          fontFamily: css.getPropertyValue("--sans"), backgroundColor: "rgba(255,255,255,.78)", padding: [1, 4], borderRadius: 4 },
      },
    ],
  });
  chart.on("click", { componentType: "geo" }, ({ name }) => districts.has(name) && onDistrict(name));
  new ResizeObserver(() => chart.resize()).observe(box);

  return {
    select(code) {
      chart.dispatchAction({ type: "geoUnSelect", name: outline.features.map((each) => each.properties.name) });
      if (districts.has(code)) chart.dispatchAction({ type: "geoSelect", name: code });
    },
  };
}
