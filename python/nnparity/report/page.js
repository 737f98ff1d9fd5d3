"use strict";
// Shows the values recorded at the chosen line. All text goes in as text, never as HTML.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const inspector = document.querySelector(".inspector");
  const lines = [...document.querySelectorAll(".line[data-key]")];
  const says = [...document.querySelectorAll(".finding .says")];
  const WORDS = {"wrong": "Root cause", "convention": "A constant factor", "follows": "Follows from a root cause",
    "verified": "Verified", "unrecognised": "Ran; not a quantity of the textbook", "not run": "Not run, or no number"};
  let chosen = null;

  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined && text !== null) node.textContent = text;
    return node;
  };
  const dims = value => (value.dim.length ? value.dim.join(" × ") : "1") + (value.kind && value.kind !== "numeric" && value.kind !== "matrix" ? " " + value.kind : "");
  const format = x => typeof x === "number" ? String(x).replace("-", "−") : x;
  const minus = (a, b) => typeof a === "number" && typeof b === "number" ? Number((a - b).toPrecision(3)) : "?";

  // One button of a row of choices; the chosen one is pressed.
  const choices = (words, first, pick, off) => {
    const row = make("span", "seg");
    words.forEach((word, k) => {
      const button = make("button", off && off[k] ? "off" : "", word);
      button.type = "button";
      button.addEventListener("click", () => { press(k); pick(k); });
      row.append(button);
    });
    const press = k => [...row.children].forEach((button, j) => button.setAttribute("aria-pressed", String(j === k)));
    press(first);
    return row;
  };

  // A matrix of numbers; cells tinted by how far they are from the right ones.
  const table = (value, show) => {
    const [row0, column0] = value.from;
    const far = value.right ? value.numbers.map((row, i) => row.map((x, j) => minus(x, value.right[i][j]))) : null;
    const most = far ? Math.max(...far.flat().map(x => typeof x === "number" ? Math.abs(x) : 0)) : 0;
    const box = make("div", "grid"), body = make("table", "numbers"), head = make("tr");
    let marked = false;
    const shown = show === "right" ? value.right : show === "difference" ? far : value.numbers;
    if (value.dim.length > 1) head.append(make("th"));
    shown[0].forEach((_, j) => head.append(make("th", "", column0 + j + data.first)));
    if (shown[0].length > 1) body.append(head);
    shown.forEach((row, i) => {
      const line = make("tr");
      if (value.dim.length > 1) line.append(make("th", "", row0 + i + data.first));
      row.forEach((x, j) => {
        const cell = make("td", "", format(x));
        if (far && most > 0) {
          const d = far[i][j], share = typeof d === "number" ? Math.abs(d) / most : 1;
          cell.style.backgroundColor = `rgba(var(--${d < 0 ? "cold" : "hot"}), ${(0.75 * share).toFixed(3)})`;
          cell.title = `${format(value.numbers[i][j])}, should be ${format(value.right[i][j])}`;
          if (share === 1 && !marked) { cell.classList.add("worst"); marked = true; }
        }
        line.append(cell);
      });
      body.append(line);
    });
    box.append(body);
    return [box, most];
  };

  const nameOf = (leaf, value) => {
    const name = make("div", "name");
    name.append(make("span", "what", leaf.text));
    if (leaf.label !== null) name.append(make("span", "tag " + (leaf.ok ? "ok" : "off"), leaf.label));
    if (value.numbers && value.dim.every(n => n === 1)) {
      const number = format(value.numbers[0][0]) + (value.right ? `, should be ${format(value.right[0][0])}` : "");
      name.append(make("span", "", number));
    }
    name.append(make("span", "dim", dims(value)));
    return name;
  };

  const valueOf = leaf => {
    const value = data.values[leaf.value], box = make("div", "value");
    box.append(nameOf(leaf, value));
    if (!value.numbers) {
      if (value.left_out) box.append(make("p", "note", "The numbers were left out to keep this page small."));
      return box;
    }
    if (value.dim.every(n => n === 1)) return box;
    const place = make("div");
    const draw = show => {
      const [grid, most] = table(value, show);
      place.replaceChildren(grid);
      if (most > 0) {
        const scale = make("div", "scale");
        scale.append(make("span", "", format(-Number(most.toPrecision(2)))), make("i"), make("span", "", "+" + format(Number(most.toPrecision(2)))), make("span", "", "recorded − right"));
        place.append(scale);
      }
    };
    if (value.right) {
      const kinds = ["recorded", "right", "difference"], tabs = make("div", "tabs");
      tabs.append(choices(kinds, 0, k => draw(kinds[k])));
      box.append(tabs);
    }
    draw("recorded");
    box.append(place);
    const rows = value.numbers.length, columns = value.numbers[0].length;
    if (rows < value.size[0] || columns < value.size[1])
      box.append(make("p", "note", `${rows} × ${columns} of ${value.size[0]} × ${value.size[1]} numbers` + (value.right ? ", around the worst" : "")));
    if (value.worst) box.append(make("p", "note", `worst at ${value.worst.at}`));
    return box;
  };

  const statementOf = statement => {
    const box = make("div");
    box.append(make("pre", "statement", statement.code));
    const place = make("div");
    const draw = k => {
      const occurrence = statement.occurrences[k];
      place.replaceChildren(...occurrence.results.map(valueOf));
      if (!occurrence.operands.length) return;
      const from = make("details", "from");
      from.open = !occurrence.results.length || occurrence.results.some(leaf => leaf.ok === false);
      from.append(make("summary", "", "made from"));
      occurrence.operands.forEach(leaf => from.append(nameOf(leaf, data.values[leaf.value])));
      place.append(from);
    };
    const off = statement.occurrences.map(o => o.results.some(leaf => leaf.ok === false));
    const first = Math.max(0, off.indexOf(true));
    if (statement.total > 1) {
      const times = make("div", "times");
      times.append(make("span", "", "time"), choices(statement.occurrences.map(o => String(o.number)), first, draw, off));
      if (statement.total > statement.occurrences.length) times.append(make("span", "", `of ${statement.total}`));
      box.append(times);
    }
    if (statement.occurrences.length) draw(first);
    box.append(place);
    return box;
  };

  const choose = (line, focus) => {
    if (chosen) { chosen.setAttribute("aria-pressed", "false"); chosen.tabIndex = -1; }
    chosen = line;
    line.setAttribute("aria-pressed", "true");
    line.tabIndex = 0;
    if (focus) line.focus({preventScroll: true});
    const record = data.lines[line.dataset.key], number = line.querySelector("i").textContent;
    const head = make("h3", "is-" + line.className.match(/is-([\w-]+)/)[1]);
    const standing = record ? record.standing : "not run";
    head.append(make("span", "", WORDS[standing]), make("small", "", `line ${number}`));
    inspector.replaceChildren(head);
    if (record) {
      record.findings.forEach(k => { if (says[k]) inspector.append(says[k].cloneNode(true)); });
      record.statements.forEach(statement => inspector.append(statementOf(statement)));
    }
    if (!record || !record.statements.length) inspector.append(make("p", "empty", "Nothing was recorded here: this line did not run, or what it gave is no number."));
    inspector.scrollTop = 0;
  };
  const reveal = line => line.scrollIntoView({block: "center", inline: "nearest"});
  const step = by => {
    const next = lines[Math.min(Math.max(lines.indexOf(chosen) + by, 0), lines.length - 1)];
    if (next) { choose(next, true); next.scrollIntoView({block: "nearest", inline: "nearest"}); }
  };
  const jump = by => {
    const marked = lines.filter(line => line.matches(".is-wrong, .is-convention"));
    const here = lines.indexOf(chosen);
    const next = by > 0 ? marked.find(line => lines.indexOf(line) > here) || marked[0]
      : marked.reverse().find(line => lines.indexOf(line) < here) || marked[0];
    if (next) { choose(next, true); reveal(next); }
  };
  const KEYS = {ArrowDown: () => step(1), ArrowUp: () => step(-1), n: () => jump(1), p: () => jump(-1)};

  lines.forEach(line => {
    line.addEventListener("click", () => { if (!String(getSelection())) choose(line, true); });
    line.addEventListener("keydown", event => {
      if (event.key === "Enter" || event.key === " ") { choose(line, true); event.preventDefault(); }
      if (event.key.startsWith("Arrow") && KEYS[event.key]) { KEYS[event.key](); event.preventDefault(); }
    });
  });
  document.addEventListener("keydown", event => {
    if ((event.key === "n" || event.key === "p") && !event.ctrlKey && !event.metaKey && !event.altKey) KEYS[event.key]();
  });
  document.querySelectorAll("[data-go]").forEach(link => link.addEventListener("click", event => {
    const line = document.getElementById(link.dataset.go);
    if (line) { event.preventDefault(); choose(line, true); reveal(line); }
  }));
  const start = lines.find(line => line.matches(".is-wrong")) || lines.find(line => line.matches(".is-convention, .is-verified")) || lines[0];
  if (start) choose(start, false);
})();
