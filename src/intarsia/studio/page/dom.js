// Elements, in one call each.

/**
 * @param {string} tag
 * @param {Record<string, any>} [given] attributes; what begins with "on" listens; `text` is the text
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElement}
 */
export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = value;
    else if (name === "value" || name === "checked" || name === "disabled") /** @type {any} */ (made)[name] = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}

/** @type {Record<string, string>} strokes on a canvas of 24 */
const ICONS = {
  brush: "M19 4 11 12M14 3l7 7-6 4-5-5zM9 13c-3 0-4 2-4 4 0 1-1 2-2 2 2 2 8 2 9-3",
  erase: "M8 20h12M4 15l9-10 7 6-8 9H8z",
  lasso: "M5 13C2 8 7 4 13 4s9 4 7 8-8 5-12 4M8 16c0 3-3 2-3 5",
  rectangle: "M4 6h16v12H4z",
  ellipse: "M12 5c5 0 9 3 9 7s-4 7-9 7-9-3-9-7 4-7 9-7z",
  fill: "M5 12l7-8 7 8-7 7zM5 12h14M20 16c2 3 1 5 0 5s-2-2 0-5",
  gradient: "M4 5h16v14H4zM8 5v14M12 5v14M15 5v14M17.500 5v14",
  radial: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  pick: "M6 3l13 8-6 1.500 3.500 6.500-2.500 1.500-3.500-6.500L6 18z",
  pan: "M12 3v18M3 12h18M12 3l-2 3m2-3 2 3M12 21l-2-3m2 3 2-3M3 12l3-2m-3 2 3 2M21 12l-3-2m3 2-3 2",
  undo: "M8 5 4 9l4 4M4 9h10a6 6 0 0 1 0 11H9",
  redo: "M16 5l4 4-4 4M20 9H10a6 6 0 0 0 0 11h5",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  layers: "M12 4 3 9l9 5 9-5zM4 13l8 4.500 8-4.500M4 16.500 12 21l8-4.500",
  folder: "M3 6h6l2 3h10v10H3z",
  down: "M12 4v11m-5-5 5 5 5-5M5 20h14",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  split: "M12 3v18M4 6h5v12H4M15 6h5v12h-5",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9.500h.01",
};

/** @param {string} name */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Says something to whoever listens rather than looks. @param {string} text */
export function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

/** Shows a sentence for a while. @param {string} text @param {"plain" | "fault"} [kind] */
export function toast(text, kind = "plain") {
  const old = document.querySelector(".toast");
  old?.remove();
  const shown = el("div", { class: `toast ${kind}`, role: kind === "fault" ? "alert" : "status" }, text,
    el("button", { class: "quiet", "aria-label": "Close this message", onclick: () => shown.remove() }, icon("close")));
  document.body.append(shown);
  if (kind === "plain") setTimeout(() => shown.remove(), 6000);
}

/** @param {number} value @param {number} least @param {number} most */
export const within = (value, least, most) => Math.min(most, Math.max(least, value));
