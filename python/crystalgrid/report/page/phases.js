"use strict";
// Phase diagrams: the convex hull of two elements, the triangle of three.

const SHAPES = {
  stable: (x, y) => `M${x - 5},${y}a5,5 0 1 0 10,0a5,5 0 1 0 -10,0z`,
  metastable: (x, y) => `M${x},${y - 6}l5.5,10h-11z`,
  unstable: (x, y) => `M${x - 4},${y - 4}h8v8h-8z`,
  doubtful: (x, y) => `M${x - 5},${y}a5,5 0 1 0 10,0a5,5 0 1 0 -10,0z`,
};
const SIDE = 340, EDGE_OF_TRIANGLE = 46;

const system = (data, i) => Object.keys(data.phases).find((name) => data.phases[name].crystals.some(([j]) => j === i));

// Returns a function that labels points of a picture, but for those whose names would cover earlier ones.
function labeller(picture) {
  const boxes = [];
  return (x, y, formula) => {
    const box = { left: x - 3 * formula.length, right: x + 3 * formula.length, top: y - 9, bottom: y + 2 };
    const covers = (b) => box.left < b.right && b.left < box.right && box.top < b.bottom && b.top < box.bottom;
    if (boxes.some(covers)) return;
    boxes.push(box);
    picture.append(label(x, y, plainFormula(formula), { class: "name", "text-anchor": "middle" }));
  };
}

function crystalsOf(data, diagram) {
  const above = data.columns.energy_above_hull.values, energies = data.columns.energy_per_atom;
  return diagram.crystals.map(([i, ...shares]) => {
    const formation = diagram.references.length && energies && energies.values[i] !== null
      ? energies.values[i] - shares.reduce((sum, share, k) => sum + share * diagram.references[k], 0) : above[i];
    return { i, shares, above: above[i], energy: formation, kind: stability(worse(data, i), doubt(data, i)) };
  });
}

function crystalMark(data, crystal, x, y, selected, choose) {
  const { i, kind, above } = crystal, formula = data.columns.formula.values[i];
  const own = i === selected ? " selected" : "";
  const mark = drawn("path", { d: SHAPES[kind.name](x, y), class: `crystal ${kind.name}${own}`, "data-crystal": i },
    hint(`${plainFormula(formula)} (${data.columns.id.values[i]}): ${above.toFixed(3)} eV/atom above the hull, ${kind.words}`));
  mark.addEventListener("click", () => choose(i));
  return mark;
}

function binaryDiagram(data, diagram, selected, choose) {
  const crystals = crystalsOf(data, diagram), { phases, ties, elements } = diagram;
  const energies = [...crystals.map((crystal) => crystal.energy), ...phases.map((phase) => phase.energy).filter((e) => e < 0.5), 0];
  const [low, high] = [Math.min(...energies) - 0.05, Math.max(...energies) + 0.05];
  const x = { at: between(0, 1, LEFT + 12, WIDTH - RIGHT - 12), ticks: [0, 0.25, 0.5, 0.75, 1], text: (v) => `${100 * v} %` };
  const y = { at: between(low, high, HEIGHT - BOTTOM, TOP), ticks: ticks(low, high, 5), text: (v) => String(v).replace("-", "−") };
  const what = phases.length ? "formation energy" : "energy above the hull";
  const picture = framed(`Phase diagram of ${elements.join(" and ")}`, `${crystals.length} crystals of the table, ${phases.length} known phases.`,
    x, y, `share of ${elements[1]} atoms; ${what}, eV/atom`);
  const at = (phase) => [x.at(phase.shares[1]), y.at(phase.energy)];
  if (!phases.length) picture.append(drawn("line", { x1: x.at(0), x2: x.at(1), y1: y.at(0), y2: y.at(0), class: "tie" }));
  for (const [p, q] of ties) {
    const [[x1, y1], [x2, y2]] = [at(phases[p]), at(phases[q])];
    picture.append(drawn("line", { x1, y1, x2, y2, class: "tie" }));
  }
  const onHull = new Set(ties.flat()), name = labeller(picture);
  phases.forEach((phase, k) => {
    if (phase.energy >= 0.5) return;
    const [cx, cy] = at(phase), words = `${plainFormula(phase.formula)}, known: formation energy ${phase.energy.toFixed(3)} eV/atom`;
    picture.append(drawn("circle", { cx, cy, r: 3, class: onHull.has(k) ? "phase on-hull" : "phase" }, hint(words)));
    if (onHull.has(k)) name(cx, Math.min(cy + 14, HEIGHT - BOTTOM - 3), phase.formula);
  });
  const marks = crystals.map((crystal) => crystalMark(data, crystal, x.at(crystal.shares[1]), y.at(crystal.energy), selected, choose));
  picture.append(...marks.sort((a, b) => a.classList.contains("selected") - b.classList.contains("selected")));
  return picture;
}

function ternaryDiagram(data, diagram, selected, choose) {
  const crystals = crystalsOf(data, diagram), { phases, ties, elements } = diagram, height = SIDE * Math.sqrt(3) / 2;
  const corners = [[EDGE_OF_TRIANGLE, height + 30], [EDGE_OF_TRIANGLE + SIDE, height + 30], [EDGE_OF_TRIANGLE + SIDE / 2, 30]];
  const at = (shares) => [0, 1].map((k) => shares.reduce((sum, share, j) => sum + share * corners[j][k], 0));
  const picture = drawn("svg", { viewBox: `0 0 ${SIDE + 2 * EDGE_OF_TRIANGLE} ${height + 56}`, role: "img",
    "aria-label": `Phase diagram of ${elements.join(", ")}. ${crystals.length} crystals of the table, ${phases.length} known phases.` });
  picture.append(drawn("path", { d: `M${corners.map((c) => c.join(",")).join("L")}z`, class: "triangle" }));
  for (let k = 1; k < 4; k++) for (const j of [0, 1, 2]) {
    const [from, to] = [[0, 0, 0], [0, 0, 0]];
    from[j] = to[j] = k / 4;
    from[(j + 1) % 3] = to[(j + 2) % 3] = 1 - k / 4;
    const [[x1, y1], [x2, y2]] = [at(from), at(to)];
    picture.append(drawn("line", { x1, y1, x2, y2, class: "grid" }));
  }
  elements.forEach((element, j) => picture.append(label(corners[j][0], j < 2 ? corners[j][1] + 20 : corners[j][1] - 10, element,
    { class: "corner", "text-anchor": "middle" })));
  for (const [p, q] of ties) {
    const [[x1, y1], [x2, y2]] = [at(phases[p].shares), at(phases[q].shares)];
    picture.append(drawn("line", { x1, y1, x2, y2, class: "tie" }));
  }
  const onHull = new Set(ties.flat()), name = labeller(picture);
  phases.forEach((phase, k) => {
    if (!onHull.has(k)) return;
    const [cx, cy] = at(phase.shares);
    picture.append(drawn("circle", { cx, cy, r: 3, class: "phase on-hull" }, hint(`${plainFormula(phase.formula)}, known and on the hull`)));
    if (Math.max(...phase.shares) < 1) name(cx, cy - 7, phase.formula);
  });
  // Crystals of one composition are at one point: the best is drawn last.
  const ordered = [...crystals].sort((a, b) => (a.i === selected) - (b.i === selected) || b.above - a.above);
  picture.append(...ordered.map((crystal) => crystalMark(data, crystal, ...at(crystal.shares), selected, choose)));
  return picture;
}

function phaseDiagram(data, name, selected, choose) {
  const diagram = data.phases[name];
  return (diagram.elements.length === 2 ? binaryDiagram : ternaryDiagram)(data, diagram, selected, choose);
}
