// What a page does without the server: keys, selection, relative times, and that something is new.
const $ = (s, el = document) => el.querySelector(s), $$ = (s, el = document) => [...el.querySelectorAll(s)];
const words = JSON.parse(document.body.dataset.words || "{}");
const noKeys = document.documentElement.hasAttribute("data-no-keys");
let pending = "";

// Keys: one table for what they do and for the list that `?` shows.
const keys = [
  ["/", "search", () => $("#find")?.focus()],
  ["?", "this list", () => showKeys()],
  ["g h, o, s, f, c, t …", "pages", null],
  ["j", "next row", () => move(1)], ["k", "previous row", () => move(-1)],
  ["x", "select the row", () => tick()],
  ["r", "show what is new", () => $("[data-fresh]:not([hidden])")?.click()],
  ["[", "one version back", () => $("[data-back]")?.click()], ["]", "one version on", () => $("[data-on]")?.click()],
  [".", "why not", () => { const d = $("[data-actions]"); if (d) { d.open = !d.open; $("summary", d).focus(); } }],
  ["e", "export", () => $("[data-export]")?.click()],
  ["u", "unfold all", () => { const all = $$("main details"), open = all.some(d => !d.open); all.forEach(d => d.open = open); }],
];
function rows() { return $$(".rows tbody tr"); }
function at() { return rows().findIndex(r => r.hasAttribute("data-at")); }
function move(by) {
  const all = rows(); if (!all.length) return;
  const i = at(), next = all[Math.max(0, Math.min(all.length - 1, i + by))];
  all[i]?.removeAttribute("data-at"); next.setAttribute("data-at", "");
  next.scrollIntoView({ block: "nearest" }); $("a.id", next)?.focus({ preventScroll: true });
}
function tick() { const box = at() >= 0 && $("input[type=checkbox]", rows()[at()]); if (box) { box.checked = !box.checked; count(); } }
function showKeys() {
  let d = $("#keys");
  if (!d) {
    d = document.createElement("dialog"); d.id = "keys"; d.setAttribute("aria-label", words.keys || "Keys");
    const ul = document.createElement("ul"); ul.className = "keys";
    for (const [key, what] of keys) { const li = document.createElement("li"), k = document.createElement("kbd"), s = document.createElement("span"); k.textContent = key; s.textContent = words[what] || what; li.append(k, s); ul.append(li); }
    const f = document.createElement("form"); f.method = "dialog"; const b = document.createElement("button"); b.className = "b"; b.textContent = "OK"; f.append(b);
    d.append(ul, f); document.body.append(d);
  }
  d.showModal();
}
document.addEventListener("keydown", e => {
  if (e.key === "Escape") { if (!e.target.closest("dialog")) document.activeElement?.blur(); $$("details.pop[open]").forEach(d => d.open = false); return; }
  const form = e.target.closest?.("form");
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey) && form) { form.requestSubmit(); return; }
  if (noKeys || e.metaKey || e.ctrlKey || e.altKey) return;
  if (e.target.closest?.("input:not([type=checkbox]), select, textarea, dialog[open]")) return; // of a dialog just closed the button may have the focus still
  if (pending === "g") { pending = ""; const a = $(`.nav a[data-go="${CSS.escape(e.key)}"]`); if (a) { e.preventDefault(); a.click(); } return; }
  if (e.key === "g") { pending = "g"; setTimeout(() => pending = "", 900); return; }
  if (/^[1-9]$/.test(e.key)) { const a = $$(".needs a")[e.key - 1]; if (a) { e.preventDefault(); a.click(); } return; }
  const found = keys.find(([key, , act]) => key === e.key && act);
  if (found) { e.preventDefault(); found[2](); }
});
$$("[data-keys]").forEach(b => { b.hidden = false; b.addEventListener("click", showKeys); });

// Selection
function count() {
  const n = $$(".rows tbody input:checked").length, bar = $(".bulk");
  if (bar) { bar.hidden = !n; $("[data-n]", bar).textContent = n; }
}
document.addEventListener("change", e => {
  if (e.target.matches("[data-all]")) $$(".rows tbody input[type=checkbox]").forEach(c => c.checked = e.target.checked);
  if (e.target.closest(".rows")) count();
});

// Small conveniences of forms
document.addEventListener("input", e => {
  if (e.target.id === "version") { $("#at").textContent = e.target.value; e.target.setAttribute("aria-valuetext", e.target.value); }
  if (e.target.form?.method === "post") e.target.setAttribute("data-touched", "");
});
$$("[data-show]").forEach(b => { b.hidden = false; b.addEventListener("click", () => { const f = document.getElementById(b.dataset.show); f.type = f.type === "password" ? "text" : "password"; }); });
const fragment = $("[data-fragment]");
if (fragment && location.hash.length > 1) { $("input", fragment).value = location.hash.slice(1); fragment.hidden = true; history.replaceState(null, "", location.pathname); }
const reload = $("[data-reload]"); if (reload) setTimeout(() => location.reload(), reload.dataset.reload * 1000);
document.addEventListener("click", e => {
  const path = e.target.closest("[data-path]"), field = path && document.getElementById(path.dataset.into);
  if (field) { field.setRangeText(path.dataset.path, field.selectionStart, field.selectionEnd, "end"); field.focus(); }
  const copy = e.target.closest("[data-copy]"); if (copy) navigator.clipboard?.writeText(copy.dataset.copy);
});
$("#say")?.focus();

// Relative times
const ago = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
const steps = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [Infinity, "day", 86400]];
function times() {
  $$("time[data-ago]").forEach(t => {
    const s = (new Date(t.dateTime) - Date.now()) / 1000; if (isNaN(s)) return;
    if (!t.title) t.title = t.textContent; // the exact instant, which the page says in words
    const [, unit, by] = steps.find(([m]) => Math.abs(s) < m); t.textContent = ago.format(Math.round(s / by), unit);
  });
}
times(); setInterval(times, 15000);
setInterval(() => { if (!document.hidden) $("[data-look]")?.dispatchEvent(new CustomEvent("look")); }, 4000); // what waits for an answer
document.addEventListener("htmx:after:swap", times);

// News: a list says that there is some, the order that is shown takes it at once.
let source, seen = {}, due = 0; // due: where the order or the figures shown were changed last
function state(name) { const beat = $("[data-news]"); if (beat) { beat.dataset.state = name; $("span", beat).textContent = words[name] || name; } }
function listen() {
  const beat = $("[data-news]"); source?.close(); source = null;
  if (!beat) return;
  if (document.hidden) { state("paused"); return; }
  source = new EventSource(beat.dataset.news + "?after=" + $("main").dataset.position);
  source.onopen = () => state("live");
  source.onerror = () => { state("lost"); if (source?.readyState === EventSource.CLOSED) { source = null; setTimeout(() => source || listen(), 4000); } }; // refused: it does not try again by itself
  source.onmessage = e => {
    const news = JSON.parse(e.data);
    if (news.position <= +$("main").dataset.position) return;
    for (const [id, fresh] of Object.entries(news.orders)) seen[id] = seen[id] || fresh;
    const one = $("[data-order]"), fresh = $("[data-fresh]");
    if ($("[data-watch]") || one && news.orders[one.dataset.order] !== undefined) due = news.position;
    catchUp();
    if (fresh) { const ids = Object.keys(seen), n = ids.filter(i => seen[i]).length; fresh.hidden = false; fresh.textContent = [n && n + " " + words.fresh, ids.length - n && ids.length - n + " " + words.changed].filter(Boolean).join(", ") + " · " + words.show; }
  };
}
// Again and again until it is shown: a dialog may be open, a form begun, a request fail.
function catchUp() {
  if (due > +$("main").dataset.position && !$("dialog[open]") && !$("form [data-touched]")) $("[data-order], [data-watch]")?.dispatchEvent(new CustomEvent("news"));
}
setInterval(catchUp, 4000);
document.addEventListener("htmx:before:swap", e => { const c = e.detail.ctx; if (c?.response?.status >= 500 && /^(news|look)$/.test(c.sourceEvent?.type)) e.preventDefault(); }); // what is shown is worth more than that it failed
document.addEventListener("visibilitychange", listen); addEventListener("pagehide", () => source?.close()); listen();
document.addEventListener("htmx:after:swap", () => { if ($("[data-fresh]")) seen = {}; });

// Dry runs come line by line
const run = $("[data-run]");
if (run) {
  const events = new EventSource(run.dataset.run), bar = $("progress", run), text = $("[data-text]", run);
  events.onmessage = e => { const r = JSON.parse(e.data); bar.value = r.share; text.textContent = r.text; if (r.done) events.close(); };
  events.onerror = () => events.close();
  $("[data-stop]", run)?.addEventListener("click", () => events.close());
}
