"use strict";
// The model: utilities linear in the attributes, the nested logit of them, averages over points, draws and classes.

function unpacked(array) {
  const raw = atob(array.data), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const x = array.bits === 64 ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer);
  const [P, R] = array.shape;
  return { P, R, at: (n, r) => x[(P === 1 ? 0 : n) * R + (R === 1 ? 0 : r)] };
}

function prepared(payload) {
  const arrays = payload.arrays.map(unpacked);
  return { ...payload, of: (place) => arrays[place], points: Math.max(...arrays.map((a) => a.P)) };
}

// The inclusive value of a node; logP becomes the log-probabilities of the alternatives below it.
function walked(node, V, open, logP, normalised) {
  if (typeof node === "number") return { W: V[node], some: open[node], below: [node] };
  const branches = node.members.map((member) => walked(member, V, open, logP, normalised)).filter((b) => b.some);
  if (!branches.length) return { W: 0, some: false, below: [] };
  const e = branches.map((b) => (normalised ? node.scale * b.W : b.W)), top = Math.max(...e);
  const L = top + Math.log(e.reduce((sum, own) => sum + Math.exp(own - top), 0));
  branches.forEach((b, c) => b.below.forEach((j) => { logP[j] += e[c] - L; }));
  return { W: L / node.scale, some: true, below: branches.flatMap((b) => b.below) };
}

// Shares and, last, the revenue of a choice situation, of all and of each segment, with moves [{mode: "factor" or "value", by: number}] of the attributes.
function sharesOf(sim, version, moves) {
  const J = sim.alternatives.length, G = sim.segments.length + 1, sums = [], totals = new Array(G).fill(0);
  for (let g = 0; g < G; g++) sums.push(new Array(J + 1).fill(0));
  const today = sim.attributes.map((own) => sim.of(own.today)), weights = sim.of(sim.weights), group = sim.of(sim.group);
  const available = sim.available.map(sim.of);
  for (const ofClass of sim.versions[version]) {
    const share = sim.of(ofClass.share), constants = ofClass.constants.map(sim.of);
    const slopes = ofClass.slopes.map(([j, k, place]) => [j, k, sim.of(place)]);
    const R = Math.max(...constants.map((a) => a.R), ...slopes.map((s) => s[2].R));
    for (let n = 0; n < sim.points; n++) {
      const x = today.map((own, k) => (moves[k].mode === "value" ? moves[k].by : moves[k].by * own.at(n, 0)));
      const open = available.map((a) => a.at(n, 0) !== 0), P = new Array(J).fill(0), w = weights.at(n, 0);
      for (let r = 0; r < R; r++) {
        const V = constants.map((a) => a.at(n, r)), logP = new Array(J).fill(0);
        for (const [j, k, b] of slopes) V[j] += b.at(n, r) * x[k];
        walked(ofClass.tree, V, open, logP, ofClass.tree.normalised !== false);
        for (let j = 0; j < J; j++) if (open[j]) P[j] += Math.exp(logP[j]) / R;
      }
      const within = sim.segments.length ? [0, 1 + group.at(n, 0)] : [0];
      for (const g of within) {
        totals[g] += w * share.at(n, 0);
        for (let j = 0; j < J; j++) sums[g][j] += w * share.at(n, 0) * P[j];
        for (const [j, k] of sim.revenue) sums[g][J] += w * share.at(n, 0) * P[j] * x[k];
      }
    }
  }
  return sums.map((own, g) => own.map((sum) => sum / totals[g]));
}

// Shares, and their derivatives by the parameters, from which intervals follow.
function answered(sim, moves) {
  const shares = sharesOf(sim, 0, moves);
  const slopes = sim.steps.map((step, k) =>
    sharesOf(sim, k + 1, moves).map((own, g) => own.map((s, j) => (s - shares[g][j]) / step)));
  return { shares, slopes };
}

// Standard error of a share of a segment, or of its difference from that of another answer.
function errorOf(sim, answer, g, j, other) {
  const G = answer.slopes.map((own, k) => own[g][j] - (other ? other.slopes[k][g][j] : 0));
  let variance = 0;
  G.forEach((a, k) => G.forEach((b, l) => { variance += a * sim.covariance[k][l] * b; }));
  return Math.sqrt(Math.max(variance, 0));
}
