"use strict";
(() => {
  const { timeline, strips, held } = JSON.parse(document.getElementById("data").textContent);
  const { lanes, rows, requests, bars, chain } = timeline;
  const SVG = "http://www.w3.org/2000/svg";
  const TEXT = 900, MARGIN = 12, TREE = 300;
  const el = (id) => document.getElementById(id);
  const scroll = el("scroll"), tall = el("tall"), canvas = el("rows"), heads = el("heads");
  document.documentElement.classList.add("script");

  // What a row leaves out is its usual value.
  const usual = { to: -1, op: -1, step: -1, key: false, matters: false, why: "", call: "", path: "", into: "",
    offset: -1, length: -1, size: -1, failed: false, task: "" };
  for (const row of rows) for (const name in usual) if (!(name in row)) row[name] = usual[name];
  const SNAPSHOT = Math.max(512, rows.length >> 4);  // a copy costs as much as there are files: few of them
  const byOp = new Map(requests.map((one) => [one.op, one]));
  const stepRow = new Map();
  rows.forEach((row, number) => { if (row.step >= 0) stepRow.set(row.step, number); });

  let every = rows.length <= 400, height = 20, shown = [], place = new Map(), chosen = -1, before = false;

  const hue = (op) => op < 0 ? "var(--nobody)" : `hsl(${Math.round(op * 137.508 % 360)} 62% 52%)`;
  const make = (parent, name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  const html = (parent, name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    parent.append(made);
    return made;
  };
  const LANE = Math.max(16, Math.min(92, scroll.clientWidth * .6 / lanes.length));
  const laneX = (lane) => MARGIN + lane * LANE + LANE / 2;
  const textX = MARGIN + lanes.length * LANE + 12;
  const width = textX + TEXT;

  // ---- which rows are shown, and where

  function choose() {
    shown = [];
    for (let number = 0; number < rows.length; number++) {
      if (every || rows[number].key || number === chosen) shown.push(number);
    }
    place = new Map(shown.map((number, at) => [number, at]));
    tall.style.height = `${shown.length * height + 12}px`;
    tall.style.width = heads.style.width = `${width}px`;
    draw();
  }

  // The place of a row, or of the first one after it that is shown.
  function at(number) {
    if (number < 0) return shown.length;
    if (place.has(number)) return place.get(number);
    let low = 0, high = shown.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (shown[middle] < number) low = middle + 1; else high = middle;
    }
    return low;
  }

  function drawHeads() {
    heads.setAttribute("width", width);
    heads.replaceChildren();
    if (LANE < 40) return drawUpright();
    const room = Math.floor((LANE - 6) / 7.5);
    const cut = (word) => word.length <= room ? word : `${word.slice(0, room - 1)}…`;
    // Names differ at their ends: what does not fit gets a line for that, and loses its middle.
    const split = lanes.map(({ name }) => name.length <= room ? [name] : /^(.*)[ .](.*)$/.exec(name)?.slice(1) ?? [name]);
    const lines = Math.max(1, ...split.map((words) => words.length));
    heads.setAttribute("height", 12 + 14 * lines);
    lanes.forEach((lane, number) => {
      const head = make(heads, "text", { class: `lane ${lane.kind}`, "text-anchor": "middle" });
      split[number].forEach((word, line) => make(head, "tspan", { x: laneX(number),
        y: 17 + 14 * (line + lines - split[number].length) }, cut(word)));
      make(head, "title", {}, lane.name);
    });
  }

  // Where columns are many and narrow their names stand upright; a long one loses its middle.
  function drawUpright() {
    const cut = (name) => name.length <= 24 ? name : `${name.slice(0, 11)}…${name.slice(-12)}`;
    const top = 14 + 7.5 * Math.max(...lanes.map(({ name }) => cut(name).length));
    heads.setAttribute("height", top);
    lanes.forEach((lane, number) => {
      const head = make(heads, "text", { class: `lane ${lane.kind}`,
        transform: `translate(${laneX(number) + 4} ${top - 6}) rotate(-90)` });
      make(head, "tspan", {}, cut(lane.name));
      make(head, "title", {}, lane.name);
    });
  }

  // ---- only what is in view is drawn, so that a long history costs no more than a short one

  function draw() {
    const first = Math.max(0, Math.floor(scroll.scrollTop / height) - 12);
    const last = Math.min(shown.length, Math.ceil((scroll.scrollTop + scroll.clientHeight) / height) + 12);
    const y = (where) => (where - first + 0.5) * height;
    canvas.replaceChildren();
    canvas.style.top = `${first * height}px`;
    canvas.setAttribute("width", width);
    canvas.setAttribute("height", Math.max(1, (last - first) * height));
    for (let where = first; where < last; where++) {
      const row = rows[shown[where]];
      const kinds = ["row"];
      if (row.matters) kinds.push("matters");
      if (chosen >= 0 && row.op >= 0 && row.op === rows[chosen].op) kinds.push("same");
      if (shown[where] === chosen) kinds.push("chosen");
      make(canvas, "rect", { class: kinds.join(" "), x: 1, y: y(where) - height / 2, width: width - 2, height,
        "data-row": shown[where] });
    }
    lanes.forEach((_, lane) => make(canvas, "line", { class: "lane", x1: laneX(lane), x2: laneX(lane), y1: 0,
      y2: (last - first) * height, "pointer-events": "none" }));
    for (const bar of bars) {
      const top = at(bar.begin), bottom = bar.end < 0 ? shown.length : at(bar.end);
      if (bottom < first || top > last) continue;
      const where = bar.lane < 0 ? lanes.map((_, lane) => lane) : [bar.lane];
      const wide = Math.min(30, LANE - 2);
      for (const lane of where) make(canvas, "rect", { class: "bar", x: laneX(lane) - wide / 2, width: wide, y: y(top),
        height: Math.max(4, (bottom - top) * height), "pointer-events": "none" });
    }
    for (const one of requests) {
      const top = at(one.begin), bottom = one.end < 0 ? shown.length : at(one.end);
      if (bottom < first || top > last) continue;
      const span = { rx: 3, y: y(top), height: Math.max(4, (bottom - top) * height), fill: hue(one.op),
        "pointer-events": "none" };
      make(canvas, "rect", { ...span, class: "span", x: laneX(one.lane) - 4, width: 8 });
      if (one.replica >= 0) make(canvas, "rect", { ...span, x: laneX(one.replica) - 2, width: 4, opacity: .45 });
    }
    for (let where = first; where < last; where++) drawRow(rows[shown[where]], y(where));
    for (let index = 1; index < chain.length; index++) {
      const top = at(chain[index - 1]), bottom = at(chain[index]);
      if (bottom < first || top > last) continue;
      const x = textX - 6;
      make(canvas, "path", { class: "cause", "pointer-events": "none",
        d: `M${x} ${y(top)} C${x - 36} ${y(top)} ${x - 36} ${y(bottom)} ${x} ${y(bottom)}` });
      make(canvas, "path", { class: "cause", "pointer-events": "none",
        d: `M${x - 7} ${y(bottom) - 5} L${x} ${y(bottom)} L${x - 7} ${y(bottom) + 5}` });
    }
    const time = shown.length ? rows[shown[Math.min(shown.length - 1, first + 12)]].at / 1e6 : 0;
    el("place").textContent = `${shown.length} of ${rows.length} rows, ${time.toFixed(3)} ms here`;
  }

  function drawRow(row, y) {
    if (row.kind === "phase" || row.kind === "stall") {
      make(canvas, "line", { class: "rule", x1: 0, x2: textX - 8, y1: y, y2: y, "pointer-events": "none" });
    }
    if (row.to >= 0 && row.to !== row.lane) {
      make(canvas, "line", { class: "sent", x1: laneX(row.lane), x2: laneX(row.to), y1: y, y2: y,
        stroke: hue(row.op), "pointer-events": "none" });
      const ahead = row.to > row.lane ? -6 : 6;
      make(canvas, "path", { d: `M${laneX(row.to) + ahead} ${y - 4} L${laneX(row.to)} ${y} L${laneX(row.to) + ahead}`
        + ` ${y + 4}`, fill: hue(row.op), "pointer-events": "none" });
    }
    if (row.lane >= 0) make(canvas, "circle", { class: (row.matters ? "mark" : "told") + (row.failed ? " failed" : ""),
      cx: laneX(row.lane), cy: y, r: row.matters ? 5 : 3, fill: hue(row.op), "pointer-events": "none" });
    if (height < 12) return;
    const number = row.step >= 0 ? `${String(row.step).padStart(6)} ` : "";
    const words = `${number}${row.text}${row.why ? `   ← ${row.why}` : ""}`;
    make(canvas, "text", { class: row.matters ? "mark" : row.key ? "told" : "aside", x: textX, y: y + 4,
      "pointer-events": "none" }, words);
  }

  // ---- one row, closely

  function select(number, reveal = true) {
    if (number < 0 || number >= rows.length) return;
    const hidden = !place.has(number);
    chosen = number;
    if (hidden) choose();
    if (reveal) {
      const top = at(number) * height;
      if (top < scroll.scrollTop + 30 || top > scroll.scrollTop + scroll.clientHeight - 60) {
        scroll.scrollTop = top - scroll.clientHeight / 3;
      }
    }
    draw();
    tell(rows[number]);
    around(number);
    mark(rows[number].op);
  }

  function tell(row) {
    el("what").textContent = row.step >= 0 ? `step ${row.step}: ${row.text}` : row.text;
    const said = el("said");
    said.replaceChildren();
    const facts = [`${(row.at / 1e6).toFixed(3)} ms`];
    if (row.task) facts.push(`task ${row.task}`);
    if (row.place) facts.push(row.place);
    if (row.why) facts.push(row.why);
    html(said, "p", facts.join(" · "), "faint");
    if (row.path) html(said, "p", row.into ? `${row.path} → ${row.into}` : row.path);
    const request = byOp.get(row.op);
    if (!request) return;
    html(said, "h3", request.title);
    html(said, "pre", request.sent);
    html(said, "pre", request.answer);
  }

  // ---- the bytes

  const pieces = new Map();  // by request, what it wrote
  for (const piece of document.querySelectorAll(".piece")) {
    for (const op of piece.dataset.ops.split(" ").filter(Boolean).map(Number)) {
      if (!pieces.has(op)) pieces.set(op, []);
      pieces.get(op).push(piece);
    }
  }
  let lit = [];
  function light(elements) {
    for (const one of lit) one.classList.remove("chosen");
    lit = elements;
    for (const one of lit) one.classList.add("chosen");
  }

  function mark(op) {
    const line = el(`op-${op}`);
    light([...(pieces.get(op) ?? []), ...(line ? [line] : [])]);
  }

  document.addEventListener("click", (event) => {
    const piece = event.target.closest(".piece");
    if (!piece) return;
    const [op] = piece.dataset.ops.split(" ").filter(Boolean).map(Number);
    if (op !== undefined && byOp.has(op)) select(byOp.get(op).begin);
    el("bytes-said").textContent = piece.dataset.says;
    light([...lit.filter((one) => !one.classList.contains("piece")), piece]);
  });
  document.querySelector("tbody")?.addEventListener("click", (event) => {
    const line = event.target.closest("tr");
    if (line) select(byOp.get(Number(line.id.slice(3))).begin);
  });

  // ---- files and locks as the steps left them; a copy now and then, so that any place is near one

  // Files are numbers, since a name may come to stand for another one while it is open: a step names a
  // descriptor by the path it was opened with.
  const snapshots = [{ names: new Map(), sizes: new Map(), opened: new Map(), locks: new Map(), next: 0 }];
  let folded = 0;
  const copy = (state) => ({ names: new Map(state.names), sizes: new Map(state.sizes), opened: new Map(state.opened),
    locks: new Map(state.locks), next: state.next });

  function named(state, path) {
    if (!state.names.has(path)) state.names.set(path, state.next++);
    return state.names.get(path);
  }

  function apply(state, row) {
    if (row.kind !== "step" || row.failed) return;
    const { names, sizes, opened, locks } = state;
    const handle = `${row.task}\0${row.path}`;
    const meant = () => opened.get(handle) ?? named(state, row.path);
    switch (row.call) {
      case "open": if (row.path) opened.set(handle, named(state, row.path)); break;
      case "write": case "pwrite": {
        const from = row.call === "write" && row.size >= 0 ? row.size : Math.max(row.offset, 0);
        const file = meant();
        sizes.set(file, Math.max(from + Math.max(row.length, 0), sizes.get(file) ?? 0));
        break;
      }
      case "truncate": case "ftruncate": if (row.length >= 0) sizes.set(meant(), row.length); break;
      case "mkdir": sizes.set(named(state, row.path), -1); break;
      case "unlink": case "rmdir": names.delete(row.path); break;
      case "link": if (names.has(row.path)) names.set(row.into, names.get(row.path)); break;
      case "replace": case "rename": {
        const moved = names.get(row.path);
        if (moved === undefined) break;
        names.delete(row.path);
        names.set(row.into, moved);
        if (sizes.get(moved) !== -1) break;  // only a directory takes others with it
        for (const [path, file] of [...names]) {
          if (!path.startsWith(`${row.path}/`)) continue;
          names.delete(path);
          names.set(row.into + path.slice(row.path.length), file);
        }
        break;
      }
      case "flock": locks.set(row.path, row.task || lanes[row.lane]?.name || "somebody"); break;
      case "unlock": locks.delete(row.path); break;
      case "close": if (locks.get(row.path) === row.task) locks.delete(row.path); break;
    }
  }

  function stateAt(count) {
    while (folded + SNAPSHOT <= count) {
      const state = copy(snapshots[snapshots.length - 1]);
      for (let number = folded; number < folded + SNAPSHOT; number++) apply(state, rows[number]);
      folded += SNAPSHOT;
      snapshots.push(state);
    }
    const state = copy(snapshots[Math.floor(count / SNAPSHOT)]);
    for (let number = count - count % SNAPSHOT; number < count; number++) apply(state, rows[number]);
    return state;
  }

  function tree(number) {
    const { names, sizes, locks } = stateAt(before ? number : number + 1);
    const box = el("tree");
    box.replaceChildren();
    if (!names.size) {
      html(box, "p", rows.some((row) => row.kind === "step") ? "nothing yet" : "this world records no steps", "faint");
      return;
    }
    const row = rows[number], near = row.path.slice(0, row.path.lastIndexOf("/") + 1);
    let paths = [...names.keys()];
    if (paths.length > TREE) paths = paths.filter((path) => path.startsWith(near) || path === row.into);
    const left = names.size - Math.min(paths.length, TREE);
    paths = paths.sort().slice(0, TREE);
    for (const path of paths) {
      const length = sizes.get(names.get(path)), depth = path.split("/").length - 1;
      const line = html(box, "div", undefined, path === row.path || path === row.into ? "now" : "");
      line.style.paddingLeft = `${depth * .9}rem`;
      const size = length === undefined || length < 0 ? "" : `  ${length} B`;
      line.append(`${path.split("/").pop()}${length < 0 ? "/" : ""}${size}`);
      if (locks.has(path)) html(line, "span", `  locked by ${locks.get(path)}`, "locked");
    }
    if (left) html(box, "p", `and ${left} more elsewhere`, "faint");
  }

  // ---- what hosts believe: for each lane the last word up to a row

  const beliefs = new Map();
  for (const one of held) {
    if (!beliefs.has(one.lane)) beliefs.set(one.lane, []);
    beliefs.get(one.lane).push(one);
  }

  function caches(number) {
    const box = el("held"), last = before ? number - 1 : number;
    box.replaceChildren();
    for (const [lane, said] of [...beliefs].sort(([one], [other]) => one - other)) {
      let low = 0, high = said.length;  // the first that is later
      while (low < high) {
        const middle = (low + high) >> 1;
        if (said[middle].row <= last) low = middle + 1; else high = middle;
      }
      const says = low ? said[low - 1].says : [];
      if (says.length) html(box, "p", lanes[lane].name, "faint");
      for (const line of says.slice(0, TREE)) html(box, "div", line);
      if (says.length > TREE) html(box, "p", `and ${says.length - TREE} more`, "faint");
    }
    el("caches").hidden = !box.childElementCount;
  }

  function around(number) {
    tree(number);
    caches(number);
  }

  // ---- hands

  function move(by) {
    const where = chosen < 0 ? 0 : at(chosen) + by;
    if (shown.length) select(shown[Math.max(0, Math.min(shown.length - 1, where))]);
  }

  function nextMark(by = 1) {
    const marked = shown.filter((number) => rows[number].matters);
    if (!marked.length) return;
    const after = by > 0 ? marked.find((number) => number > chosen) : marked.reverse().find((number) => number < chosen);
    select(after ?? marked[0]);
  }

  function find(by = 1) {
    const wanted = el("find").value.toLowerCase();
    if (!wanted) return;
    for (let count = 1; count <= rows.length; count++) {
      const number = (chosen + by * count + rows.length * 2) % rows.length;
      const row = rows[number];
      if (`${row.text} ${row.path} ${row.into} ${row.task} ${row.place ?? ""} ${row.why}`.toLowerCase().includes(wanted)) {
        select(number);
        return;
      }
    }
    el("place").textContent = "found nowhere";
  }

  function zoom(by) {
    const middle = at(chosen < 0 ? 0 : chosen);
    height = Math.max(4, Math.min(32, height + by));
    choose();
    scroll.scrollTop = middle * height - scroll.clientHeight / 3;
  }

  const keys = { ArrowDown: () => move(1), j: () => move(1), ArrowUp: () => move(-1), k: () => move(-1),
    PageDown: () => move(20), PageUp: () => move(-20), Home: () => select(shown[0]), End: () => select(shown.at(-1)),
    n: () => nextMark(1), p: () => nextMark(-1), "+": () => zoom(4), "-": () => zoom(-4),
    "/": () => el("find").focus() };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === el("find")) {
      if (event.key === "Enter") find(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") scroll.focus();
      return;
    }
    const inside = scroll.contains(event.target) || event.key === "/" || event.key === "n" || event.key === "p";
    if (inside && keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
  canvas.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]");
    if (row) { select(Number(row.dataset.row), false); scroll.focus({ preventScroll: true }); }
  });
  scroll.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  addEventListener("resize", draw);
  el("next").addEventListener("click", () => nextMark(1));
  el("in").addEventListener("click", () => zoom(4));
  el("out").addEventListener("click", () => zoom(-4));
  el("before").addEventListener("click", (event) => {
    before = !before;
    event.target.setAttribute("aria-pressed", before);
    if (chosen >= 0) around(chosen);
  });
  el("all").checked = every;
  el("all").addEventListener("change", (event) => { every = event.target.checked; choose(); if (chosen >= 0) select(chosen); });
  for (const line of document.querySelectorAll(".story span")) {
    const step = /^(?:->)?\s*(?:->)?\s*step\s+(\d+)/.exec(line.textContent.trim()), op = /\bop (\d+)\b/.exec(line.textContent);
    const row = step ? stepRow.get(Number(step[1])) : undefined;
    const where = row ?? (op && byOp.has(Number(op[1])) ? byOp.get(Number(op[1])).begin : undefined);
    if (where === undefined) continue;
    line.classList.add("linked");
    line.addEventListener("click", () => { select(where); el("viewer").scrollIntoView({ block: "nearest" }); });
  }

  drawHeads();
  choose();
  const start = chain.length ? chain[0] : rows.findIndex((row) => row.key);
  if (start >= 0) select(start);
})();
