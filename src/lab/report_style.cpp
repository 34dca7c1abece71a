#include "lab/report.hpp"

namespace wattle::lab {

std::string_view report_style() {
  return R"css(
:root {
  color-scheme: light dark;
  --paper: #f6f4ef; --card: #fffefb; --ink: #23272e; --soft: #646b76; --grid: #dcdad3;
  --line: #e4e1d8; --accent: #b4570b; --warn: #fdf1d8; --warn-ink: #6b4a06; --bar: #e9d9c3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1c2026; --ink: #e4e2dc; --soft: #9aa1ab; --grid: #333941;
    --line: #2c323a; --accent: #f2a65a; --warn: #33291a; --warn-ink: #eccb8f; --bar: #4a3a28;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif;
}
main { max-width: 1040px; margin: 0 auto; padding: 40px 28px 72px; }
.eyebrow { font-size: 13px; letter-spacing: .04em; color: var(--soft); margin: 0 0 14px; }
.eyebrow b { color: var(--accent); font-weight: 600; }
h1 {
  font: 600 clamp(28px, 4.6vw, 46px)/1.14 "Iowan Old Style", "Palatino Linotype", Palatino,
    Charter, Georgia, "DejaVu Serif", serif;
  letter-spacing: -.012em; margin: 0 0 28px; max-width: 21em; text-wrap: balance;
}
h2 { font-size: 20px; line-height: 1.3; margin: 0 0 4px; letter-spacing: -.005em; }
p { margin: 0 0 10px; }
.findings { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(225px, 1fr)); }
.finding { border-top: 3px solid var(--accent); padding: 12px 6px 0 0; }
.finding .number {
  font-size: 30px; line-height: 1.1; font-weight: 650; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums; margin-bottom: 8px;
}
.finding p { font-size: 14.5px; line-height: 1.5; color: var(--ink); margin: 0; }
.cautions {
  list-style: none; margin: 26px 0 0; padding: 12px 18px; border-radius: 8px;
  background: var(--warn); color: var(--warn-ink); font-size: 14px;
}
.cautions li + li { margin-top: 6px; }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 24px 26px 20px; margin-top: 26px;
}
section > p, figcaption { color: var(--soft); font-size: 14px; max-width: 62em; }
figure { margin: 0; }
figure .canvas { margin: 12px -8px 6px; overflow-x: auto; }
figure svg { display: block; width: 100%; height: auto; min-width: 640px; }
figure svg text { font-family: system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial,
  sans-serif; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 20px; font-size: 13.5px; margin: 10px 0 0; }
.legend span::before {
  content: ""; display: inline-block; width: 11px; height: 11px; border-radius: 50%;
  background: var(--c); margin-right: 7px; vertical-align: -1px;
}
.scroll { overflow-x: auto; margin: 14px -4px 4px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 7px; text-align: right; white-space: nowrap; vertical-align: top; border-bottom: 1px solid var(--line); }
th { white-space: normal; font-weight: 600; color: var(--soft); font-size: 12.5px; vertical-align: bottom; }
th.l, td.l { text-align: left; }
tr.front td:first-child { box-shadow: inset 3px 0 0 var(--accent); }
td small { display: block; color: var(--soft); font-size: 11.5px; line-height: 1.25; }
td.how small { white-space: normal; min-width: 122px; }
td.cost { min-width: 132px; padding-bottom: 11px; background-image: linear-gradient(var(--bar), var(--bar));
  background-repeat: no-repeat; background-position: right 8px bottom 4px; }
.swatch { display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin-right: 7px; }
dl { display: grid; grid-template-columns: minmax(130px, max-content) 1fr; gap: 6px 22px;
  font-size: 14px; margin: 14px 0 4px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
pre { overflow-x: auto; padding: 14px 16px; border-radius: 8px; background: var(--paper); margin: 12px 0 0; }
details { margin-top: 14px; }
summary { cursor: pointer; font-size: 14px; color: var(--accent); }
.note { font-size: 14px; padding: 14px 16px; border-radius: 8px; background: var(--paper); }
footer { color: var(--soft); font-size: 13px; margin-top: 30px; }
@media (max-width: 600px) {
  main { padding: 24px 14px 48px; } section { padding: 18px 14px 14px; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; }
}
@media print {
  body { background: #fff; } section, .finding { break-inside: avoid; }
}
)css";
}

}  // namespace wattle::lab
