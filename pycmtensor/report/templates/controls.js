"use strict";
// The page: controls that move attributes, tables of answers, scenarios that are saved and exported.
const sim = prepared(JSON.parse(document.getElementById("payload").textContent));
const J = sim.alternatives.length, hasRevenue = sim.revenue.length > 0, at = (id) => document.getElementById(id);
const today = sim.attributes.map(() => ({ mode: "factor", by: 1 })), before = answered(sim, today);
let moves = copied(today), saved = [], now = before, telling = 0;

function copied(own) { return own.map((move) => ({ ...move })); }
function made(tag, content, attributes = {}) {
  const element = document.createElement(tag);
  element.append(...[content].flat());
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  return element;
}
function table(into, caption, head, rows) {
  const body = rows.map(([first, ...cells]) =>
    made("tr", [made("th", first, { scope: "row" }), ...cells.map((cell) => made("td", cell))]));
  const top = made("tr", head.map((cell) => made("th", cell, { scope: "col" })));
  const found = made("table", [made("caption", caption), made("thead", top), made("tbody", body)]);
  at(into).hidden = !rows.length;
  at(into).replaceChildren(found);
}
const signed = (x, digits) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(digits);
const percent = (share) => (100 * share).toFixed(1) + "%";
const points = (change) => signed(100 * change, 1);
const short = (x) => String(+x.toPrecision(4));
const between = (middle, error, shown) => shown(middle - 1.96 * error) + " to " + shown(middle + 1.96 * error);

function control(own, k) {
  const id = "attribute-" + k, unit = own.unit ? " " + own.unit : "";
  const slider = made("input", [], { type: "range", id, step: "any", "aria-describedby": id + "-means" });
  const number = made("input", [], { type: "number", step: "any", "aria-label": own.name + ", number" });
  const mode = made("select", [["factor", "% change"], ["value", "for all"]].map(([value, name]) => made("option", name, { value })),
    { "aria-label": own.name + ", how it moves" });
  const means = made("output", [], { id: id + "-means", for: id });
  const box = made("div", [made("label", own.name + (own.unit ? ", " + own.unit : ""), { for: id }), slider, number, mode, means],
    { class: "attribute" });
  const set = (move) => {
    const isValue = move.mode === "value", shown = isValue ? move.by : 100 * (move.by - 1);
    moves[k] = move;
    mode.value = move.mode;
    [slider.min, slider.max] = isValue ? [own.low, own.high] : [-100, 100];
    slider.value = shown; number.value = +shown.toPrecision(6);
    slider.setAttribute("aria-valuetext", isValue ? short(shown) + unit : signed(shown, 1) + "%");
    box.classList.toggle("moved", isValue || move.by !== 1);
    means.value = "today " + short(own.mean) + (isValue ? ", " + short(move.by) + " for all" :
      move.by === 1 ? " on average" : ", now " + short(own.mean * move.by) + " on average");
  };
  const moved = (shown) => {
    if (shown === "" || !Number.isFinite(Number(shown))) return;
    set({ mode: mode.value, by: mode.value === "value" ? Number(shown) : 1 + Number(shown) / 100 });
    show();
  };
  slider.addEventListener("input", () => moved(slider.value));
  number.addEventListener("change", () => moved(number.value));
  mode.addEventListener("change", () => { set({ mode: mode.value, by: mode.value === "value" ? own.mean : 1 }); show(); });
  set(moves[k]);
  return { box, set };
}
const controls = sim.attributes.map(control);
const owners = [...new Set(sim.attributes.map((own) => own.of))];
at("attributes").append(...owners.map((of) => made("fieldset",
  [made("legend", of || "Several alternatives"), ...controls.filter((_, k) => sim.attributes[k].of === of).map(({ box }) => box)])));

function set(all) {
  controls.forEach((own, k) => own.set({ ...all[k] }));
  show();
}
function barred(share, was) {
  const [bar, tick] = [made("i", []), made("b", [])];
  bar.style.width = percent(share); tick.style.left = percent(was);
  return made("span", [bar, tick], { class: "bar", "aria-hidden": "true" });
}

function show() {
  now = answered(sim, moves);
  const [shares, were] = [now.shares[0], before.shares[0]], revenue = (own) => (hasRevenue ? [own] : []);
  const rows = sim.alternatives.map((name, j) =>
    [name, barred(shares[j], were[j]), percent(shares[j]), percent(were[j]), points(shares[j] - were[j])]);
  const sum = ["Revenue per choice", "", short(shares[J]), short(were[J]), signed(100 * (shares[J] / were[J] - 1), 1) + "%"];
  table("bars", "Shares now; the line is at those of today", ["Choice", "", "Now", "Today", "Points"], [...rows, ...revenue(sum)]);
  const interval = (j, name, shown, change) => [name, between(shares[j], errorOf(sim, now, 0, j), shown),
    between(shares[j] - were[j], errorOf(sim, now, 0, j, before), change)];
  table("intervals", "95% intervals", ["", "Now", "Change"],
    [...sim.alternatives.map((name, j) => interval(j, name, percent, points)),
      ...revenue(interval(J, "Revenue", short, (x) => signed(x, 3)))]);
  table("segments", "Shares by segment, and change in points", ["Segment", ...sim.alternatives, ...revenue("Revenue")],
    sim.segments.map((name, i) => [name, ...now.shares[i + 1].slice(0, J).map((share, j) =>
      percent(share) + " (" + points(share - before.shares[i + 1][j]) + ")"), ...revenue(short(now.shares[i + 1][J]))]));
  clearTimeout(telling);
  telling = setTimeout(() => {
    at("told").textContent = sim.alternatives.map((name, j) => name + " " + percent(shares[j])).join(", ");
  }, 700);
}
function compare() {
  const button = (text, name, act) => {
    const found = made("button", text, { type: "button", "aria-label": text + " " + name });
    found.addEventListener("click", act);
    return found;
  };
  table("saved", "Scenarios, and change from today in points", ["Scenario", ...sim.alternatives, ...(hasRevenue ? ["Revenue"] : []), ""],
    saved.map((own) => [own.name, ...own.shares.slice(0, J).map((s, j) => percent(s) + " (" + points(s - before.shares[0][j]) + ")"),
      ...(hasRevenue ? [short(own.shares[J])] : []),
      [button("Show", own.name, () => set(own.moves)), " ",
        button("Remove", own.name, () => { saved = saved.filter((other) => other !== own); compare(); })]]));
}
function csv() {
  const cell = (value) => typeof value === "number" ? String(value) :
    '"' + (/^\s*[=+\-@]/.test(value) ? "'" : "") + String(value).replaceAll('"', '""') + '"';
  const all = [{ name: "today", moves: today, shares: before.shares[0] }, ...saved];
  const head = ["scenario", ...sim.attributes.map((own) => own.name), ...sim.alternatives.map((name) => "share of " + name)];
  const moved = ({ mode, by }) => (mode === "value" ? by : signed(100 * (by - 1), 4) + "%");
  const rows = all.map((own) => [own.name, ...own.moves.map(moved), ...own.shares.slice(0, hasRevenue ? J + 1 : J)]);
  return [[...head, ...(hasRevenue ? ["revenue"] : [])], ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
}
at("reset").addEventListener("click", () => set(today));
at("keep").addEventListener("submit", (event) => {
  event.preventDefault();
  saved.push({ name: at("name").value, moves: copied(moves), shares: now.shares[0] });
  at("name").value = "Scenario " + (saved.length + 1);
  compare();
});
at("export").addEventListener("click", () => {
  const link = made("a", [], { download: "scenarios.csv" });
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
});
show();
compare();
