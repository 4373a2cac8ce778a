"""How the page of the report looks: light and dark by the system of the reader, and on paper."""

from __future__ import annotations

_STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1b1f27; --soft: #5d6675; --faint: #8b94a3; --line: #e3e6eb; --mark: #eef1f5;
  --good: #17734a; --good-back: #e4f4ec; --warn: #8f5a00; --warn-back: #fdf1d8; --bad: #b3261e; --bad-back: #fde8e6;
  --heat: 37, 99, 235;
LIGHT}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1218; --card: #171b23; --ink: #e7eaf0; --soft: #a2abba; --faint: #78818f; --line: #2a303b;
    --mark: #1f2530; --good: #5cd39a; --good-back: #12301f; --warn: #f0b958; --warn-back: #33260b; --bad: #ff8f86;
    --bad-back: #3a1614;
    --heat: 96, 150, 255;
DARK  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", sans-serif; font-variant-numeric: tabular-nums }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem }
header { margin-bottom: 1.75rem }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -.02em; margin: 0 0 .3rem; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; letter-spacing: -.01em; margin: 0 }
p { margin: 0 }
.soft { color: var(--soft) }
.small { font-size: .85rem }
code, .path { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .85em;
  overflow-wrap: anywhere }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 1.25rem 1.4rem;
  margin-top: 1.1rem }
section > .head { display: flex; justify-content: space-between; gap: .4rem 1.25rem; align-items: baseline;
  flex-wrap: wrap; margin-bottom: .9rem }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: .95rem 1.1rem }
.card b { display: block; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.02em; font-weight: 650 }
.card.bad b { color: var(--bad) } .card.warn b { color: var(--warn) } .card.good b { color: var(--good) }
.note { border-radius: 10px; padding: .6rem .9rem; margin-top: .8rem; background: var(--warn-back); color: var(--warn) }
.note.bad { background: var(--bad-back); color: var(--bad) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0; border-top: 1px solid var(--line) }
thead th { border-top: 0; color: var(--soft); font-weight: 500; font-size: .82rem; padding-top: 0; white-space: nowrap }
tbody th { font-weight: 550 }
td.number, th.number { text-align: right; padding-right: 1.25rem; white-space: nowrap }
.heat { table-layout: fixed; min-width: 38rem }
.heat td { text-align: center; padding: .3rem; border-top: 0 }
.heat tbody th { border-top: 0; padding: .3rem .75rem .3rem 0; vertical-align: middle }
.heat thead th { text-align: center; padding: 0 .3rem .4rem } .heat thead th:first-child { text-align: left }
.heat td span { display: block; border-radius: 8px; padding: .5rem .4rem; background: var(--mark); color: var(--faint) }
.heat td span.some { background: rgba(var(--heat), var(--share)); color: var(--ink); font-weight: 600 }
.dot { display: inline-block; width: .65em; height: .65em; border-radius: 50%; margin-right: .45em }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; color: var(--soft); font-size: .85rem }
.tag { display: inline-block; border-radius: 6px; padding: .05rem .45rem; font-size: .8rem; background: var(--mark);
  color: var(--soft); white-space: nowrap }
.tag.good { background: var(--good-back); color: var(--good) }
.tag.warn { background: var(--warn-back); color: var(--warn) }
.tag.bad { background: var(--bad-back); color: var(--bad); font-weight: 600 }
svg { display: block; width: 100%; min-width: 38rem; height: auto }
svg text { fill: var(--soft); font-size: 11px; font-family: inherit }
svg .grid { stroke: var(--line); stroke-width: 1 }
ol { list-style: none; margin: 0; padding: 0 }
.moment { display: grid; grid-template-columns: 6.5rem 1fr; gap: .2rem 1rem; padding: .75rem 0;
  border-top: 1px solid var(--line) }
.moment:first-child { border-top: 0; padding-top: 0 }
.moment .who { color: var(--soft); font-size: .85rem }
.moment .what { margin-top: .3rem }
.moment .file { margin-top: .25rem; display: flex; flex-wrap: wrap; gap: .15rem .55rem; align-items: baseline }
.sign { font-weight: 700; margin-right: .15em }
.added { color: var(--good) } .changed { color: var(--warn) } .removed { color: var(--bad) }
td .path { display: inline-block; min-width: 11rem }
details > summary { cursor: pointer; color: var(--soft); margin-top: .8rem }
details[open] > summary { margin-bottom: .5rem }
.head + details > summary { margin-top: 0 }
.hint { margin-top: .8rem }
footer { color: var(--faint); font-size: .85rem; margin-top: 1.6rem }
@media (max-width: 40rem) {
  main { padding: 1.4rem .8rem 3rem } section { padding: 1rem } .moment { grid-template-columns: 1fr }
}
@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --soft: #444; --faint: #666; --line: #ccc;
    --mark: #f2f2f2 }
  body { font-size: 11px } main { max-width: none; padding: 0 }
  section, .card { break-inside: auto; border-radius: 0; padding: .6rem .8rem }
  .moment, tr, .card, svg { break-inside: avoid } thead { display: table-header-group }
  h2 { break-after: avoid }
}
"""

_LIGHT = ("#2563eb", "#0f9d76", "#d97706", "#7c3aed", "#db2777", "#0891b2", "#65a30d", "#64748b")
_DARK = ("#6ea0ff", "#3ecfa3", "#f5b04c", "#ab8bff", "#f472b6", "#38c6e0", "#a3d65c", "#94a3b8")


def style() -> str:
    """The style sheet: colours for light and dark, and for print."""
    light, dark = (
        "".join(f"  --c{number}: {color};\n" for number, color in enumerate(colors)) for colors in (_LIGHT, _DARK)
    )
    return _STYLE.replace("LIGHT", light).replace("DARK", dark)
