// Sessions now, what happened lately, and the health of what is needed.

import { ask } from "./api.js";
import { fill, make, shortTime, visible, words } from "./dom.js";

const AGAIN = 15000; // milliseconds
const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Bars, one for ten minutes. */
function chart(counts, label, from, step) {
  const most = Math.max(1, ...counts);
  const bars = counts.map((count, index) => {
    const height = (count / most) * 40;
    const bar = svg("rect", { x: index * 5, y: 42 - height, width: 4, height });
    const title = svg("title", {});
    title.textContent = `${shortTime(from + index * step)}: ${count}`;
    bar.append(title);
    return bar;
  });
  const ground = svg("line", { x1: 0, y1: 42.5, x2: counts.length * 5, y2: 42.5 });
  return svg("svg", { class: "chart", viewBox: `0 0 ${counts.length * 5} 44`, preserveAspectRatio: "none", role: "img", "aria-label": label }, ground, ...bars);
}

/** `session_expired inactivity_timeout` in words; a reason that says nothing more is left out. */
function titleOf(texts, name) {
  const [event, reason = ""] = name.split(" ");
  const words = texts.series[event] ?? event;
  const more = texts.reasons[reason] ?? reason.replaceAll("_", " ");
  return more ? `${words}: ${more}` : words;
}

function seriesCard(texts, name, counts, found) {
  const title = titleOf(texts, name);
  const count = counts.reduce((sum, each) => sum + each, 0);
  const told = words(texts.total, { count, most: Math.max(...counts) });
  return make("section", { class: "card" }, make("h3", {}, title), make("p", { class: "quiet" }, told),
    chart(counts, `${title}: ${told}`, found.first_bucket_at, found.bucket_seconds),
    make("p", { class: "span" }, make("span", {}, shortTime(found.first_bucket_at)), make("span", {}, texts.now)));
}

function health(texts, check) {
  const word = check.ok ? make("span", { class: "good" }, `✓ ${texts.well}`) : make("span", { class: "bad" }, `✕ ${texts.not_well}`);
  return make("li", {}, make("strong", {}, check.name), ": ", word, check.reason ? ` (${visible(check.reason)})` : "");
}

function draw(content, texts, found) {
  const counts = Object.entries(found.sessions).map(([name, count]) =>
    make("section", { class: "card" }, make("h3", {}, name), make("p", { class: "big" }, String(count))));
  const order = Object.keys(texts.series);
  const place = ([name]) => order.indexOf(name.split(" ")[0]);
  const series = Object.entries(found.series).sort((one, other) => place(one) - place(other) || one[0].localeCompare(other[0])).map(([name, each]) => seriesCard(texts, name, each, found));
  fill(content,
    make("h2", {}, texts.sessions), make("div", { class: "cards" }, counts),
    make("h2", {}, texts.health), make("ul", { class: "plain card" }, found.health.map((check) => health(texts, check))),
    make("h2", {}, texts.last),
    series.length ? make("div", { class: "cards" }, series) : make("p", { class: "quiet" }, texts.quiet),
    make("p", { class: "quiet" }, words(texts.refresh, { at: shortTime(found.at) })));
}

export async function show(content, { texts, tell }) {
  draw(content, texts.overview, await ask("overview"));
  setInterval(async () => {
    if (document.hidden) return;
    try {
      draw(content, texts.overview, await ask("overview"));
    } catch (error) {
      tell(error);
    }
  }, AGAIN);
}
