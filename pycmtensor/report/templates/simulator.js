"use strict";
// The model: utilities linear in the attributes, the nested logit of them, averages over points, draws and classes.
// An array (points N, draws R) is a typed array in which the draws of a point are side by side.

// Utilities that are kept from one move to the next, at most.
const MOST_KEPT = 3e7;

function unpacked({ data, bits, shape: [P, R] }) {
  const raw = atob(data), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const x = bits === 64 ? new Float64Array(bytes.buffer) : new Float32Array(bytes.buffer);
  return { R, x, step: P === 1 ? 0 : R };
}

function prepared(payload) {
  const arrays = payload.arrays.map(unpacked), of = (place) => arrays[place];
  const N = Math.max(...payload.arrays.map((array) => array.shape[0]));
  const ofPoints = (place) => Float64Array.from({ length: N }, (_, n) => of(place).x[n * of(place).step]);
  const versions = payload.versions.map((version) => version.map((own) => {
    const terms = own.constants.map((place) => [{ k: null, b: of(place) }]);
    own.slopes.forEach(([j, k, place]) => terms[j].push({ k, b: of(place) }));
    const R = Math.max(...terms.flat().map(({ b }) => b.R)), P = terms.map(() => new Float64Array(R));
    return { R, terms, P, V: [], tree: noded(own.tree, R), share: ofPoints(own.share) };
  }));
  const size = versions.flat().reduce((sum, own) => sum + own.terms.length * N * own.R, 0);
  return {
    ...payload, N, versions, keeps: size < MOST_KEPT, moves: [], x: [], weights: ofPoints(payload.weights), group: ofPoints(payload.group),
    today: payload.attributes.map((own) => ofPoints(own.today)), available: payload.available.map(ofPoints),
  };
}

// Utilities (N, R) of an alternative, -Infinity where it cannot be chosen: a sum of terms b x_k, and of constants b.
function utility(sim, terms, available, R) {
  const V = new Float64Array(sim.N * R), sum = new Float64Array(sim.N);
  for (const { k, b } of terms) {
    if (b.R > 1) continue; // what is alike at all draws is added up once
    for (let n = 0; n < sim.N; n++) sum[n] += b.x[n * b.step] * (k === null ? 1 : sim.x[k][n]);
  }
  for (let n = 0; n < sim.N; n++) V.fill(available[n] ? sum[n] : -Infinity, n * R, (n + 1) * R);
  for (const { k, b } of terms) {
    if (b.R === 1) continue;
    for (let n = 0; n < sim.N; n++) {
      const x = k === null ? 1 : sim.x[k][n];
      for (let r = 0; r < R; r++) V[n * R + r] += b.x[n * b.step + r] * x;
    }
  }
  return V;
}

// A node of the tree, with room for its numbers at the draws of a point.
function noded(tree, R, normalised = tree.normalised !== false) {
  const [W, e, top] = [0, 0, 0].map(() => new Float64Array(R));
  if (typeof tree === "number") return { j: tree, branches: [], below: [tree], by: 1, scale: 1, W, e, top };
  const branches = tree.members.map((member) => noded(member, R, normalised));
  const below = branches.flatMap((branch) => branch.below), scale = normalised ? tree.scale : 1;
  return { j: undefined, branches, below, by: tree.scale, scale, W, e, top };
}

// The inclusive value W = log(sum of exp(scale W of a branch)) / by of a node at a point n; the probabilities P of the
// alternatives below it are multiplied by those of the branches.
function walk(node, V, P, n) {
  const { j, branches, W, by, scale, top } = node, R = W.length;
  if (j !== undefined) {
    for (let r = 0; r < R; r++) W[r] = V[j][n * R + r];
    return;
  }
  top.fill(-Number.MAX_VALUE); // and not -Infinity, whose differences are no numbers
  W.fill(0);
  for (const branch of branches) {
    walk(branch, V, P, n);
    larger(top, branch.W);
  }
  for (const { W: own, e } of branches) exponentials(own, top, scale, e, W);
  for (const { below, e } of branches) for (const i of below) multiplied(P[i], e, W);
  for (let r = 0; r < R; r++) W[r] = (scale * top[r] + Math.log(W[r])) / by;
}

function larger(top, W) {
  for (let r = 0; r < W.length; r++) top[r] = Math.max(top[r], W[r]);
}

function exponentials(W, top, scale, e, sum) {
  for (let r = 0; r < W.length; r++) sum[r] += e[r] = Math.exp(scale * (W[r] - top[r]));
}

function multiplied(P, e, sum) {
  for (let r = 0; r < e.length; r++) P[r] *= sum[r] > 0 ? e[r] / sum[r] : 0;
}

// Shares and, last, the revenue of a choice situation, of all and of each segment; utilities without moved attributes stay.
function sharesOf(sim, version, moved) {
  const J = sim.alternatives.length, segmented = sim.segments.length > 0;
  const sums = [null, ...sim.segments].map(() => new Float64Array(J + 1)), totals = sums.map(() => 0);
  for (const own of version) {
    const { R, V, terms, P, tree } = own;
    terms.forEach((of, j) => {
      if (!V[j] || of.some(({ k }) => moved[k])) V[j] = utility(sim, of, sim.available[j], R);
    });
    for (let n = 0; n < sim.N; n++) {
      P.forEach((of) => of.fill(1));
      walk(tree, V, P, n);
      const w = sim.weights[n] * own.share[n], within = segmented ? [0, 1 + sim.group[n]] : [0];
      const means = P.map((of) => {
        let sum = 0;
        for (let r = 0; r < R; r++) sum += of[r];
        return sum / R;
      });
      for (const g of within) {
        totals[g] += w;
        means.forEach((share, j) => { sums[g][j] += w * share; });
        sim.revenue.forEach(([j, k]) => { sums[g][J] += w * means[j] * sim.x[k][n]; });
      }
    }
    if (!sim.keeps) own.V = [];
  }
  return sums.map((own, g) => Array.from(own, (sum) => sum / totals[g]));
}

// Shares with moves [{mode: "factor" or "value", by: number}] of the attributes, and their derivatives by the parameters.
function answered(sim, moves) {
  const moved = moves.map((move, k) => JSON.stringify(move) !== JSON.stringify(sim.moves[k]));
  sim.moves = moves.map((move) => ({ ...move }));
  moves.forEach(({ mode, by }, k) => {
    if (moved[k]) sim.x[k] = sim.today[k].map((x) => (mode === "value" ? by : by * x));
  });
  const [shares, ...others] = sim.versions.map((version) => sharesOf(sim, version, moved));
  const slopes = others.map((after, k) => after.map((own, g) => own.map((s, j) => (s - shares[g][j]) / sim.steps[k])));
  return { shares, slopes };
}

// Standard error of a share of a segment, or of its difference from that of another answer.
function errorOf(sim, answer, g, j, other) {
  const G = answer.slopes.map((own, k) => own[g][j] - (other ? other.slopes[k][g][j] : 0));
  let variance = 0;
  G.forEach((a, k) => G.forEach((b, l) => { variance += a * sim.covariance[k][l] * b; }));
  return Math.sqrt(Math.max(variance, 0));
}
