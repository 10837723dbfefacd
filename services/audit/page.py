"""An explanation as one page of HTML: self-contained, without script, readable aloud, on a telephone and on paper.

Owns the page. Promises that nothing is loaded from anywhere (its policy forbids it), that every value is escaped, that
no meaning lies in colour alone, and that a table's head is repeated on every printed page. The lanes are columns of one
table, so that a reader hears time, lane and event in the order in which they happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from broker.rules.law import Law
from services.audit.decisions import Decision, Nearest
from services.audit.explain import Explanation, Fact, Step
from services.audit.words import ATTRIBUTES, HOLD_REASONS, LANES, OUTCOMES, VERDICTS, elapsed, moment

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light; --line: #b8bec6; --soft: #f3f5f7; --ink: #16191d; --quiet: #4d5560; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 84rem; color: var(--ink); background: #fff;
  font: 16px/1.55 "Hiragino Sans", "Yu Gothic UI", "Noto Sans CJK JP", "IPAGothic", sans-serif; }
h1 { font-size: 1.45rem; line-height: 1.3; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.8rem 0 .5rem; border-left: .35rem solid #1f5f9e; padding-left: .5rem; }
[lang=en] { color: var(--quiet); font-size: .875em; }
code, .time { font-family: ui-monospace, "DejaVu Sans Mono", "IPAGothic", monospace; font-size: .875em;
  overflow-wrap: anywhere; }
.time { white-space: nowrap; }
.summary { margin: .6rem 0; padding: .7rem 1rem; background: var(--soft); border: 1px solid var(--line);
  border-radius: .4rem; }
.summary p { margin: .15rem 0; }
.verdict { font-weight: 700; white-space: nowrap; }
.ALLOWED, .CONFIRMED { color: #0b5a2c; }
.REFUSED { color: #9c1414; }
.HELD { color: #7a4a00; }
.ENDED { color: #40464e; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: .4rem 1.2rem; margin: 0; }
dl div { border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
dt { font-size: .875rem; } dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--quiet); font-size: .875rem; padding-bottom: .3rem; }
th, td { border: 1px solid var(--line); padding: .35rem .5rem; vertical-align: top; text-align: left; }
thead th { background: var(--soft); }
tbody th { font-weight: 400; }
td.event { background: #eaf2fb; }
td.empty { background: #fff; }
ul.facts { list-style: none; margin: .15rem 0 0; padding: 0; font-size: .875rem; overflow-wrap: anywhere; }
ul.facts li { display: inline-block; margin-right: .8em; }
.source { color: var(--quiet); font-size: .8125rem; }
footer { margin-top: 2rem; border-top: 1px solid var(--line); padding-top: .6rem; font-size: .875rem;
  color: var(--quiet); }
@media (max-width: 46rem) {
  body { padding: .8rem; }
  .lanes thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .lanes tr, .lanes th, .lanes td { display: block; width: 100%; }
  .lanes td.empty { display: none; }
  .lanes td.event::before { content: attr(data-lane); font-size: .8125rem; color: var(--quiet); display: block; }
}
@media print {
  @page { size: A4 landscape; margin: 12mm; }
  body { padding: 0; max-width: none; font-size: 8.5pt; line-height: 1.3; }
  th, td { padding: .12rem .3rem; }
  thead { display: table-header-group; } tr { break-inside: avoid; } h2 { break-after: avoid; }
  .wide { overflow: visible; }
}
"""


def page_of(explanation: Explanation, made_at: int) -> str:
    """The whole page; `made_at` (milliseconds since 1970 UTC) stands in its foot."""
    parts = [
        *_head(explanation),
        *_timeline(explanation),
        *_decisions(explanation),
        *_records(explanation),
        *_missing(explanation),
        *_foot(made_at),
    ]
    return "\n".join(parts) + "\n"


def _en(text: str) -> str:
    return f'<span lang="en">{escape(text)}</span>' if text else ""


def _both(japanese: str, english: str) -> str:
    return f"{escape(japanese)} {_en(english)}".strip()


def _head(one: Explanation) -> Iterator[str]:
    title = f"情報連携の説明 {escape(one.exchange_id)}"
    yield "<!DOCTYPE html>"
    yield '<html lang="ja"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{title}</title><style>{STYLE}</style></head><body><main>"
    yield f"<h1>情報連携の説明 {_en('one exchange explained')}<br><code>{escape(one.exchange_id)}</code></h1>"
    yield f'<div class="summary"><p>{escape(one.summary_ja)}</p><p lang="en">{escape(one.summary_en)}</p>'
    yield f"<p>結果 {_en('outcome')}: <strong>{escape(one.outcome or '—')}</strong>"
    yield f" {_both(*OUTCOMES.get(one.outcome, ('', '')))}</p></div><dl>"
    for fact in one.head:
        yield f"<div><dt>{_both(fact.ja, fact.en)}</dt><dd>{escape(fact.value)}</dd></div>"
    yield "</dl>"


def _timeline(one: Explanation) -> Iterator[str]:
    yield f"<h2>経過 {_en('what happened')}</h2>"
    yield '<div class="wide" role="region" aria-label="経過" tabindex="0"><table class="lanes">'
    english = _en("Japan Standard Time; elapsed since it was asked")
    yield f"<caption>時刻は日本標準時、経過は照会からの時間 {english}</caption>"
    lanes = "".join(f'<th scope="col">{_both(*words)}</th>' for words in LANES.values())
    yield f'<thead><tr><th scope="col">時刻 {_en("time")}</th>{lanes}</tr></thead><tbody>'
    before = ""
    for step in one.steps:
        day = moment(step.at)[:10]
        yield _row(step, one.began_at, day if day != before else "")
        before = day
    yield "</tbody></table></div>"


def _row(step: Step, began_at: int, day: str) -> str:
    """A step; its day is told when it is another than the last one's."""
    about = f"およそ {_en('about')} " if step.about else ""
    clock = f"{day}<br>" if day else ""
    time = f'{about}<span class="time">{clock}{moment(step.at)[11:]} {elapsed(step.at - began_at)}</span>'
    cells = "".join(_cell(step) if lane == step.lane else '<td class="empty"></td>' for lane in LANES)
    return f'<tr><th scope="row">{time}</th>{cells}</tr>'


def _cell(step: Step) -> str:
    facts = "".join(f"<li>{_fact(fact)}</li>" for fact in step.facts)
    lane = escape(LANES[step.lane][0])
    return (
        f'<td class="event" data-lane="{lane}">{_both(step.ja, step.en)}'
        f'{f"<ul class=facts>{facts}</ul>" if facts else ""}<div class="source">{escape(step.source)}</div></td>'
    )


def _fact(fact: Fact) -> str:
    return f"{_both(fact.ja, fact.en)}: <code>{escape(fact.value)}</code>"


def _decisions(one: Explanation) -> Iterator[str]:
    yield f"<h2>判断と根拠 {_en('decisions and what they rest on')}</h2>"
    columns = (
        ("時刻", "time"),
        ("だれが", "who"),
        ("何を", "on what"),
        ("判断", "verdict"),
        ("照合リスト", "permission list"),
        ("法令・評価書", "law and assessment"),
    )
    yield from _table("判断", columns)
    for decision in one.decisions:
        about = f"およそ {_en('about')} " if decision.about else ""
        cells = (
            f'{about}<span class="time">{moment(decision.at)}</span>',
            _both(*LANES[decision.lane]),
            _both(decision.ja, decision.en),
            _verdict(decision),
            _list(decision),
            _laws(decision.laws),
        )
        yield _cells(cells)
    yield "</tbody></table></div>"


def _table(label: str, columns: Iterable[tuple[str, str]]) -> Iterator[str]:
    heads = "".join(f'<th scope="col">{_both(*words)}</th>' for words in columns)
    yield f'<div class="wide" role="region" aria-label="{escape(label)}" tabindex="0"><table>'
    yield f"<thead><tr>{heads}</tr></thead><tbody>"


def _cells(cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _verdict(decision: Decision) -> str:
    mark, japanese, english = VERDICTS[decision.verdict]
    parts = [f'<span class="verdict {decision.verdict}">{mark} {_both(japanese, english)}</span>']
    if decision.rule:
        parts.append(f"<code>{escape(decision.reason.error_id)} {escape(decision.rule)}</code>")
        parts.append(_both(decision.reason.ja, decision.reason.en))
    if decision.operator_id:
        parts.append(f"職員 {_en('operator')}: <code>{escape(decision.operator_id)}</code>")
    if decision.hold_reason:
        words = HOLD_REASONS.get(decision.hold_reason, (decision.hold_reason, ""))
        parts.append(f"理由 {_en('reason')}: {_both(*words)}")
    if decision.note:
        parts.append(f"補足 {_en('note')}: {escape(decision.note)}")
    return "<br>".join(part for part in parts if part)


def _list(decision: Decision) -> str:
    parts = [f"第{decision.list_version}版 {_en(f'version {decision.list_version}')}"] if decision.list_version else []
    if decision.row_id:
        parts.append(f"行 {_en('row')} <code>{escape(decision.row_id)}</code>")
    if decision.row:
        parts.append(escape(decision.row.legal_basis))
    if decision.nearest:
        parts.append(_nearest(decision.nearest))
    return "<br>".join(parts) or "—"


def _nearest(near: Nearest) -> str:
    japanese, english = ATTRIBUTES.get(near.attribute, (near.attribute, near.attribute))
    return (
        f"最も近い行 {_en('nearest row')} <code>{escape(near.row_id)}</code> {escape(near.legal_basis)}<br>"
        f"{_both(japanese, english)}: <code>{escape(near.asked or '—')}</code> → <code>{escape(near.demanded)}</code>"
    )


def _laws(laws: Iterable[Law]) -> str:
    return "<br>".join(f"{_both(one.ref_ja, one.ref_en)}: {_both(one.ja, one.en)}" for one in laws) or "—"


def _records(one: Explanation) -> Iterator[str]:
    yield f"<h2>情報提供等記録 {_en('provision records')}</h2>"
    columns = (
        ("立場", "party"),
        ("台帳と番号", "log and sequence"),
        ("相手方との番号", "number in the pair"),
        ("記録日時", "recorded"),
        ("結果", "outcome"),
        ("葉ハッシュ", "leaf hash"),
        ("署名", "checkpoint"),
        ("根拠", "basis"),
    )
    yield from _table("記録", columns)
    for record in one.records:
        signed = "未署名 " + _en("none yet")
        if record.checkpoint_size:
            signed = f'@{record.checkpoint_size}<br><span class="time">{moment(record.checkpoint_signed_at)}</span>'
        erased = f"<br>詳細は消去済み {_en('detail erased')}" if record.erased else ""
        cells = (
            _both(*LANES[record.party]),
            f"<code>{escape(record.institution_code)} / {record.sequence}</code>",
            f"<code>{escape(record.counterpart)} / {record.pair_sequence}</code>",
            f'<span class="time">{moment(record.recorded_at)}</span>',
            f"{escape(record.outcome)} {escape(record.rule)}{erased}",
            f"<code>{escape(record.leaf)}</code>",
            signed,
            _laws(record.laws),
        )
        yield _cells(cells)
    yield "</tbody></table></div>"


def _missing(one: Explanation) -> Iterator[str]:
    yield f"<h2>残っていないもの {_en('what is not there')}</h2>"
    if not one.missing:
        yield f"<p>ありません {_en('nothing is missing')}</p>"
        return
    yield "<ul>" + "".join(f"<li>{_both(gone.ja, gone.en)}</li>" for gone in one.missing) + "</ul>"


def _foot(made_at: int) -> Iterator[str]:
    marks = "、".join(f"{mark} {japanese}" for mark, japanese, _ in VERDICTS.values())
    english = ", ".join(f"{mark} {words}" for mark, _, words in VERDICTS.values())
    yield f"</main><footer><p>{escape(marks)} {_en(english)}</p>"
    yield f'<p>作成 {_en("made")} <span class="time">{moment(made_at)}</span> JST。'
    yield f"個人情報の内容と符号は含まれません。 {_en('No content and no linkage code is shown.')}</p>"
    yield "</footer></body></html>"
