"""The look: one small style sheet, light and dark by the system's preference. Nothing is fetched."""

from __future__ import annotations

CSS = """
:root {
  --bg: #f4f6f9; --panel: #ffffff; --ink: #16202c; --soft: #566273; --line: #d9dfe7; --accent: #0b5cab;
  --plain-bg: #e8ecf1; --plain-ink: #3a4656; --info-bg: #dceafb; --info-ink: #0a4a8c;
  --good-bg: #dcf3e4; --good-ink: #116236; --warn-bg: #fdeecb; --warn-ink: #7a4a00;
  --bad-bg: #fbe0de; --bad-ink: #9c1c12;
}
body.body--dark {
  --bg: #10151c; --panel: #1a212b; --ink: #e8edf3; --soft: #9fadbd; --line: #313c4a; --accent: #7db7f2;
  --plain-bg: #2a3441; --plain-ink: #cbd5e0; --info-bg: #17375a; --info-ink: #b5d6f8;
  --good-bg: #143d28; --good-ink: #9be0b9; --warn-bg: #4a3710; --warn-ink: #f7d48a;
  --bad-bg: #521d1a; --bad-ink: #ffb9b2;
}
body { background: var(--bg) !important; color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", Roboto,
  "Noto Sans", "Noto Sans CJK KR", sans-serif; }
.nicegui-content { padding: 0 !important; gap: 0 !important; align-items: stretch !important; display: flex;
  flex-direction: column; }
h1, h2, h3, p { margin: 0; }
h1 { font-size: 24px; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; }
h2 { font-size: 13px; line-height: 1.4; font-weight: 650; color: var(--soft); }
.soft { color: var(--soft); }
.num { font-variant-numeric: tabular-nums; }
.link { color: var(--accent); text-decoration: underline; text-underline-offset: 2px;
  overflow-wrap: anywhere; }
.link:focus-visible, .q-btn:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.chip { display: inline-block; padding: 1px 9px; border-radius: 999px; font-size: 13px; font-weight: 600;
  overflow-wrap: anywhere; }
.queue .chip { white-space: nowrap; }
.stack > .chip, .stack > .q-btn { align-self: flex-start; }
.tone-plain { background: var(--plain-bg); color: var(--plain-ink); }
.tone-info { background: var(--info-bg); color: var(--info-ink); }
.tone-good { background: var(--good-bg); color: var(--good-ink); }
.tone-warn { background: var(--warn-bg); color: var(--warn-ink); }
.tone-bad { background: var(--bad-bg); color: var(--bad-ink); }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 16px; }
.bar { background: var(--panel); border-bottom: 1px solid var(--line); padding: 10px 20px; display: flex;
  flex-wrap: wrap; gap: 8px 14px; align-items: center; }
.top { position: sticky; top: 0; z-index: 5; }
.bar .who { display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: center; margin-right: auto; }
.bar .name { font-weight: 650; font-size: 16px; }
.bar .acts { display: flex; flex-wrap: wrap; gap: 8px; }
.banner { padding: 10px 20px; display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center;
  font-weight: 600; }
.banner .q-field__control { background: var(--panel); border-radius: 4px; }
.queues { display: flex; flex-wrap: wrap; gap: 8px; padding: 12px 20px 0; }
.queue { display: flex; gap: 8px; align-items: baseline; padding: 4px 12px; border: 1px solid var(--line);
  border-radius: 8px; background: var(--panel); font-size: 13px; }
.queue b { font-weight: 650; }
.main { display: grid; grid-template-columns: minmax(0, 3fr) minmax(300px, 2fr); gap: 16px;
  padding: 12px 20px 24px; align-items: start; max-width: 1500px; width: 100%; }
.main.single { grid-template-columns: minmax(0, 1fr); }
.stack { display: flex; flex-direction: column; gap: 14px; min-width: 0; }
.row { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; }
.spread { justify-content: space-between; }
.call.ringing { border-color: var(--accent);
  box-shadow: 0 0 0 3px color-mix(in srgb, var(--accent) 30%, transparent); }
.call h1 { overflow-wrap: anywhere; }
.number { font-size: 17px; }
.note-line { padding: 8px 12px; border-radius: 8px; overflow-wrap: anywhere; }
.hint { font-weight: 650; padding: 8px 12px; border-radius: 8px; }
.records { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 14px; }
.cases { width: 100%; border-collapse: collapse; font-size: 14px; }
.cases th { text-align: left; font-size: 12px; color: var(--soft); font-weight: 600; padding: 4px 8px 4px 0; }
.cases td { padding: 7px 8px 7px 0; border-top: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
.cases td.tight { white-space: nowrap; }
.cases td.subject { width: 45%; }
.candidate { border-top: 1px solid var(--line); padding: 8px 0 2px; }

.search { width: 260px; }
.moments td { font-size: 13px; }
.picture { overflow: auto; } .picture img { display: block; max-width: none; }
.plain-list { margin: 0; padding: 0; list-style: none; display: flex; flex-direction: column; gap: 6px; }
.idle { text-align: center; padding: 56px 20px; color: var(--soft); font-size: 17px; }
.notes textarea { min-height: 220px; line-height: 1.5 !important; }
.notes .state { font-size: 13px; font-weight: 600; align-self: flex-start; }
.kept { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--bg); border: 1px solid var(--line);
  border-radius: 8px; padding: 10px; max-height: 240px; overflow: auto; }
.vars { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 10px; }
.vars .label { font-size: 12px; color: var(--soft); }
.sign-in { width: min(400px, 100% - 32px); margin: 12vh auto 0; }
.sign-in form { display: flex; flex-direction: column; gap: 12px; }
.q-btn { text-transform: none !important; font-weight: 600 !important; letter-spacing: 0; }
.btn-main { background: #0b5cab !important; color: #fff !important; }
.btn-good { background: #17743c !important; color: #fff !important; }
.btn-quiet { background: transparent !important; color: var(--ink) !important;
  border: 1px solid var(--line); }
.q-btn.disabled { opacity: 0.45 !important; }
.q-field__native, .q-field__label { color: var(--ink) !important; }
.q-field--outlined .q-field__control:before { border-color: var(--line) !important; }
.q-menu { background: var(--panel) !important; color: var(--ink) !important; border: 1px solid var(--line); }
.pop-button { background: #0b5cab; color: #fff; padding: 8px 16px; border-radius: 6px; font-weight: 650;
  text-decoration: none; }
@media (max-width: 860px) { .main { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 560px) {
  .bar, .banner { padding: 8px 12px; } .queues { padding: 10px 12px 0; } .main { padding: 10px 12px 20px; }
  .panel { padding: 12px; } h1 { font-size: 21px; } .notes textarea { min-height: 150px; }
  .cases thead { position: absolute; clip-path: inset(50%); }
  .cases tr { display: grid; grid-template-columns: max-content 1fr max-content; gap: 2px 10px;
    border-top: 1px solid var(--line); padding: 7px 0; }
  .cases td { border: 0; padding: 0; } .cases td.subject { grid-column: 1 / -1; grid-row: 2;
    width: auto; }
  .cases td.status { text-align: right; }
  .cases td.owner { grid-column: 1 / -1; grid-row: 3; color: var(--soft); }
  .calls tr { grid-template-columns: minmax(0, 1fr) max-content; }
  .calls td:nth-child(6) { order: 1; } .calls td:nth-child(2) { order: 2; }
  .calls td:nth-child(5) { order: 3; } .calls td:nth-child(n + 3):nth-child(-n + 4) { order: 4; }
}
@media (prefers-reduced-motion: no-preference) {
  .call.ringing { animation: ring 1.6s ease-in-out infinite; }
  @keyframes ring { 50% { box-shadow: 0 0 0 6px color-mix(in srgb, var(--accent) 18%, transparent); } }
}
"""

FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" '
    'fill="#0b5cab"/><path d="M10 8l3 5-2 2c1 3 3 5 6 6l2-2 5 3c0 3-2 4-4 4C13 25 7 18 6 12c0-2 1-4 4-4z" '
    'fill="#fff"/></svg>'
)
