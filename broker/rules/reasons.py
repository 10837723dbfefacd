"""Every rule that can refuse something, with its number and its words; Japanese first, English beside it.

The numbers are the simulator's own (domain 7 row 6): SIM-E1xx fields and senders, 2xx the inquirer's side, 3xx the
network, 4xx the provider, 5xx time, 6xx copies, 7xx codes, 80x logs, 85x and 86x VRS, 9xx the institution's own
systems: 90x and 91x the integrated-number system, 95x to 97x its staff and keys, 98x health support.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.records import FieldError, Outcome


class Reason(NamedTuple):
    """What a person reads when a rule has refused."""

    error_id: str
    ja: str
    en: str


REASONS: dict[str, Reason] = {
    # fields and senders
    "FIELD_MISSING": Reason("SIM-E101", "必須項目が空です", "a required field is empty"),
    "FIELD_ILL_FORMED": Reason(
        "SIM-E102", "項目の形式が正しくありません", "the field does not have the form it must have"
    ),
    "FIELD_OUT_OF_RANGE": Reason("SIM-E103", "項目の値が範囲外です", "the field's value is out of range"),
    "UNKNOWN_INSTITUTION": Reason(
        "SIM-E104", "登録されていない機関コードです", "the institution code is not registered"
    ),
    "FOREIGN_SENDER": Reason(
        "SIM-E105",
        "送信元のトピックと電文の機関コードが一致しません",
        "the message names another institution than the topic it lies on",
    ),
    "DUPLICATE_RECORD_ID": Reason(
        "SIM-E106",
        "同じレコード識別番号で内容の異なる電文を受信しました",
        "the record identification number was used before with other content",
    ),
    "UNKNOWN_INQUIRY": Reason("SIM-E107", "該当する照会がありません", "there is no such inquiry"),
    "ALREADY_ANSWERED": Reason("SIM-E108", "照会はすでに終了しています", "the inquiry has already ended"),
    "WRONG_TOPIC": Reason("SIM-E109", "このトピックの電文ではありません", "this message does not belong on this topic"),
    "EMPTY": Reason("SIM-E110", "電文が空です", "the message has no value"),
    "OVERSIZED": Reason("SIM-E111", "電文が上限の大きさを超えています", "the message is larger than the limit"),
    "NOT_FRAMED": Reason(
        "SIM-E112", "電文の先頭にスキーマ番号がありません", "the message does not begin with a schema number"
    ),
    "UNKNOWN_SCHEMA": Reason("SIM-E113", "登録されていないスキーマ番号です", "the schema number is not registered"),
    "DAMAGED": Reason("SIM-E114", "電文がスキーマに合いません", "the message does not follow its schema"),
    "TRAILING_BYTES": Reason("SIM-E115", "電文の後ろに余分なデータがあります", "bytes follow the end of the message"),
    "UNSTORABLE": Reason("SIM-E116", "保存できない値を含む電文です", "the message holds a value that cannot be kept"),
    # the inquirer's side
    "CODE_MISSING": Reason(
        "SIM-E201",
        "統合番号に対応する符号がありません。符号取得を先に行ってください",
        "there is no linkage code for this integrated number yet; acquire one first",
    ),
    "PERSON_SUSPENDED_AT_INQUIRER": Reason(
        "SIM-E202", "照会側でこの方の情報連携が停止されています", "linkage is suspended for this person at the inquirer"
    ),
    # the network
    "NO_SUCH_COMBINATION": Reason(
        "SIM-E301",
        "照会許可用照合リストにない組み合わせです",
        "the permission list has no row for this combination",
    ),
    "NOT_IN_FORCE": Reason(
        "SIM-E302", "照合リストの該当行は本日有効ではありません", "the row of the permission list is not in force today"
    ),
    "CONSENT_MISSING": Reason(
        "SIM-E303", "本人の同意が必要な照会です", "the row asks for the person's consent, and none was given"
    ),
    "PIA_OF_INQUIRER": Reason(
        "SIM-E304",
        "照会側の特定個人情報保護評価に違反があります（番号法第21条第2項）",
        "the inquirer violates the privacy assessment rules (Number Act art. 21(2))",
    ),
    "PIA_OF_PROVIDER": Reason(
        "SIM-E305",
        "提供側の特定個人情報保護評価に違反があります（番号法第21条第2項）",
        "the provider violates the privacy assessment rules (Number Act art. 21(2))",
    ),
    "PROVIDER_UNKNOWN": Reason("SIM-E306", "情報提供者が登録されていません", "the provider is not registered"),
    "PROVIDER_DOWN": Reason(
        "SIM-E307", "提供側の中間サーバーが停止しています", "the provider's intermediate server is down"
    ),
    "LIST_UNKNOWN": Reason("SIM-E308", "照合リストが配布されていません", "no permission list is in force here"),
    "PERMIT_FORGED": Reason(
        "SIM-E311", "情報提供許可証の署名が正しくありません", "the permit's signature does not hold"
    ),
    "PERMIT_EXPIRED": Reason("SIM-E312", "情報提供許可証の有効期限が切れています", "the permit has expired"),
    "PERMIT_REUSED": Reason("SIM-E313", "情報提供許可証はすでに使われています", "the permit has been used already"),
    "PERMIT_OTHER_PARTY": Reason(
        "SIM-E314", "情報提供許可証は別の当事者のものです", "the permit belongs to another party"
    ),
    "PERMIT_UNKNOWN": Reason("SIM-E315", "発行した記録のない許可証です", "the network has not issued this permit"),
    "CODE_NOT_OF_INQUIRER": Reason(
        "SIM-E316", "照会側の機関の符号ではありません", "the linkage code is not one of the inquirer's institution"
    ),
    "PERSON_UNKNOWN_AT_PROVIDER": Reason(
        "SIM-E317",
        "提供側に該当者がいません。市町村コードを確かめてください",
        "the provider does not know this person; check the municipality",
    ),
    "EXCHANGE_UNKNOWN": Reason("SIM-E318", "該当する情報連携がありません", "there is no such exchange"),
    # the provider
    "LIST_COPY_MISSING": Reason("SIM-E401", "提供側に照合リストがありません", "the provider holds no permission list"),
    "PERSON_SUSPENDED_AT_PROVIDER": Reason(
        "SIM-E402", "提供側でこの方の情報連携が停止されています", "linkage is suspended for this person at the provider"
    ),
    "NOTHING_HELD": Reason(
        "SIM-E403", "該当者はいますが、対象の情報がありません", "the person is known, but nothing of this kind is held"
    ),
    "ITEMS_NOT_PERMITTED": Reason(
        "SIM-E404", "許可された項目に該当する情報がありません", "none of the permitted items is held"
    ),
    "STAFF_REFUSED": Reason(
        "SIM-E405", "提供側の職員が提供しないと判断しました", "the provider's staff decided not to send"
    ),
    "ANSWER_TOO_LARGE": Reason("SIM-E406", "回答が電文の上限を超えます", "the answer is larger than a message may be"),
    "COSIGNATURE_TOO_OLD": Reason(
        "SIM-E407",
        "提供側の記録台帳に近隣自治体の新しい連署がないため、提供を停止しています",
        "the provider's log of records has not been cosigned lately by its witnesses; provision has stopped",
    ),
    # time
    "DEADLINE_PASSED": Reason("SIM-E501", "回答期限を過ぎました", "the deadline passed without an answer"),
    "HOLD_EXPIRED": Reason(
        "SIM-E502", "職員の確認がないまま保留期限を過ぎました", "the hold expired before a person decided"
    ),
    "WITHDRAWN": Reason("SIM-E503", "照会側が取り下げました", "the inquirer withdrew the inquiry"),
    # copies
    "BATCH_TOO_LARGE": Reason(
        "SIM-E601", "1回の送信の上限件数を超えています", "the batch holds more rows than may be sent"
    ),
    "BATCH_UNKNOWN": Reason("SIM-E602", "開始されていない副本登録です", "the batch has not been opened"),
    "BATCH_CLOSED": Reason("SIM-E603", "終了した副本登録です", "the batch has already ended"),
    "ROW_OUT_OF_ORDER": Reason("SIM-E604", "行番号が連続していません", "the row number does not follow"),
    "LAYOUT_UNKNOWN": Reason("SIM-E605", "データ標準レイアウトにない版です", "the layout version is not known"),
    "LAYOUT_NOT_IN_FORCE": Reason(
        "SIM-E606", "本日は受け付けられないレイアウトの版です", "the layout version is not accepted today"
    ),
    "ITEM_NOT_IN_LAYOUT": Reason("SIM-E607", "レイアウトにない項目です", "the item is not in the layout"),
    "ITEM_MISSING": Reason("SIM-E608", "レイアウトの項目がありません", "an item of the layout is missing"),
    "RECORD_EXISTS": Reason("SIM-E609", "登録済みの副本です。更新としてください", "the record exists; send an update"),
    "RECORD_UNKNOWN": Reason("SIM-E610", "登録されていない副本です", "the record does not exist"),
    "DATE_RANGE": Reason("SIM-E611", "開始日が終了日より後です", "the first day is after the last"),
    # codes
    "ALREADY_ISSUED": Reason("SIM-E701", "符号はすでに取得済みです", "a linkage code is already in force"),
    "ACQUISITION_UNKNOWN": Reason(
        "SIM-E702", "取得番号がないか、すでに使われています", "the acquisition number is unknown or used"
    ),
    "ACQUISITION_EXPIRED": Reason("SIM-E703", "取得番号の有効期限が切れています", "the acquisition number has expired"),
    "CHANNEL_MISMATCH": Reason(
        "SIM-E704", "取得番号は別の機関のものです", "the acquisition number is another institution's"
    ),
    "IDENTITY_UNKNOWN": Reason(
        "SIM-E705", "住民票コードが確認できません", "the resident register does not know the person"
    ),
    "DUPLICATE_PERSON": Reason(
        "SIM-E706", "同じ方に別の統合番号があります", "the person already has another integrated number here"
    ),
    "NOT_SYNTHETIC": Reason(
        "SIM-E707",
        "架空の番号の範囲ではありません。実在の個人番号は受け付けません",
        "the number is outside the synthetic range; real individual numbers are never accepted",
    ),
    "CODE_UNKNOWN": Reason("SIM-E708", "失効させる符号がありません", "there is no linkage code to revoke"),
    "REVOKED": Reason("SIM-E709", "符号は失効しました", "the linkage code was revoked"),
    # staff
    "LOGIN_REFUSED": Reason("SIM-E951", "職員番号またはパスワードが違います", "the account or the password is wrong"),
    "ACCOUNT_LOCKED": Reason(
        "SIM-E952", "続けて失敗したため、しばらく認証できません", "shut out for a while after failures in a row"
    ),
    "NOT_SIGNED_IN": Reason(
        "SIM-E953", "認証されていません。chukan login を先に行ってください", "not signed in; use chukan login first"
    ),
    "SESSION_EXPIRED": Reason("SIM-E954", "セッションの有効期限が切れました", "the session has expired"),
    "SESSION_STOLEN": Reason(
        "SIM-E955",
        "使用済みの認証情報が使われました。盗用の疑いがあるため、この職員のすべてのセッションを終了しました",
        "a used token came back or came from elsewhere: all sessions of the account were ended",
    ),
    "SESSION_ENDED": Reason("SIM-E956", "終了したセッションです", "the session was ended"),
    "ACCOUNT_DISABLED": Reason("SIM-E957", "利用が停止されている職員です", "the account is disabled"),
    "RIGHT_MISSING": Reason(
        "SIM-E958", "この操作または情報を扱う権限がありません", "there is no right to this operation or kind"
    ),
    "SELF_GRANT": Reason("SIM-E959", "自分自身に権限を付与することはできません", "nobody grants a right to oneself"),
    "DUTIES_CONFLICT": Reason(
        "SIM-E960", "一人に兼ねさせられない職務です", "one person must not have these duties together"
    ),
    "ASKED_BY_SAME_PERSON": Reason(
        "SIM-E961", "照会した職員は提供を確認できません", "whoever asked cannot confirm the answer"
    ),
    "SET_UP_BY_SAME_PERSON": Reason(
        "SIM-E962", "自動応答不可を設定した職員は提供を確認できません", "whoever set the flag cannot confirm the answer"
    ),
    "ACCOUNT_UNKNOWN": Reason("SIM-E963", "登録されていない職員です", "there is no such account"),
    "ACCOUNT_EXISTS": Reason("SIM-E964", "登録済みの職員です", "the account exists already"),
    "PASSWORD_WEAK": Reason(
        "SIM-E965", "推測されやすいパスワードです（12文字以上）", "the password is too easy; 12 characters at least"
    ),
    "OTHER_INSTITUTION": Reason("SIM-E966", "他の機関の情報です", "it belongs to another institution"),
    # keys
    "KEY_UNKNOWN": Reason("SIM-E971", "その世代の鍵はありません", "there is no key of that generation"),
    "KEY_NOT_YET": Reason("SIM-E972", "鍵はまだ有効ではありません", "the key is not yet good"),
    "KEY_ENDED": Reason("SIM-E973", "鍵の重なりの期間が終わりました", "the key's overlap has ended"),
    "KEY_REVOKED": Reason("SIM-E974", "失効した鍵です", "the key was revoked"),
    # the integrated-number system
    "BUSINESS_NUMBER_UNKNOWN": Reason(
        "SIM-E901",
        "この業務システムの業務固有番号として登録されていません",
        "this business system has registered no such business number",
    ),
    "BUSINESS_NUMBER_TAKEN": Reason(
        "SIM-E902",
        "業務固有番号はすでに別の方に紐付いています",
        "the business number is linked to another person already",
    ),
    "NUMBER_LINKED_ELSEWHERE": Reason(
        "SIM-E903",
        "個人番号はすでに別の統合番号に紐付いています",
        "the individual number is linked to another integrated number",
    ),
    "ATTRIBUTES_DISAGREE": Reason(
        "SIM-E904",
        "登録済みの4情報と一致しません。誤った紐付けの疑いがあるため、既存の紐付けを停止しました",
        "the attributes differ from those on file: the link is suspect, and was suspended",
    ),
    "LINK_NOT_IN_FORCE": Reason(
        "SIM-E905",
        "個人番号との紐付けが有効ではありません",
        "the person's link to an individual number is not in force",
    ),
    "LINK_STATE": Reason(
        "SIM-E906", "紐付けの状態に合わない操作です", "this cannot be done to the link in its present state"
    ),
    "NUMBER_WRONG": Reason(
        "SIM-E907", "個人番号の検査用数字が一致しません", "the individual number's check digit does not hold"
    ),
    "NUMBER_DISAGREES": Reason(
        "SIM-E908",
        "統合番号が業務固有番号の方のものと一致しません",
        "the integrated number is not the one of that business number",
    ),
    "AFFAIR_NOT_ALLOWED": Reason(
        "SIM-E909", "この業務システムに許可されていない事務です", "this business system may not act for this affair"
    ),
    "TOO_MANY_ROWS": Reason("SIM-E910", "1ファイルの上限件数を超えています", "the file holds more rows than it may"),
    "CHARACTER_REFUSED": Reason("SIM-E911", "変換できない文字があります", "a character cannot be converted"),
    "DUPLICATE_IN_FILE": Reason(
        "SIM-E912", "同じ副本の行がファイル内にすでにあります", "an earlier line of the file is about the same record"
    ),
    "RESOURCE_UNKNOWN": Reason("SIM-E913", "該当するものがありません", "there is no such thing here"),
    "TOKEN_INVALID": Reason(
        "SIM-E914", "アクセストークンがないか、無効です", "the access token is missing, unknown or has expired"
    ),
    "SCOPE_MISSING": Reason("SIM-E915", "この操作の権限がありません", "the right to do this was not granted"),
    "BODY_TOO_LARGE": Reason("SIM-E916", "送信内容が上限の大きさを超えています", "the body is larger than the limit"),
    "REQUEST_INVALID": Reason("SIM-E917", "要求の内容が正しくありません", "the request is not as it must be"),
    "SYSTEM_UNREACHABLE": Reason(
        "SIM-E918", "一時的に処理できません", "a part this depends on cannot be reached at the moment"
    ),
    # logs
    "LOG_FORKED": Reason(
        "SIM-E801",
        "署名済みの記録台帳が書き換えられています（分岐の証拠あり）",
        "the log has signed two histories that cannot both be true",
    ),
    "LOG_WENT_BACK": Reason(
        "SIM-E802", "記録台帳が連署済みの大きさより小さくなっています", "the log is smaller than what was cosigned"
    ),
    "LOG_UNPROVED": Reason(
        "SIM-E803",
        "記録台帳が連署済みの台帳の続きであることが証明されていません",
        "the log has not proved that it continues what was cosigned",
    ),
    "CHECKPOINT_FORGED": Reason(
        "SIM-E804", "記録台帳の署名が正しくありません", "the checkpoint is not one that this log has signed"
    ),
    # vaccination record system
    "VOUCHER_ILL_FORMED": Reason("SIM-E851", "接種券番号は10桁の数字です", "a voucher number has 10 digits"),
    "OCR_LINE_ILL_FORMED": Reason(
        "SIM-E852",
        "接種券のOCRラインが正しくありません",
        "the voucher's line is not 18 digits with a right municipality code",
    ),
    "VOUCHER_OF_OTHER_CITY": Reason("SIM-E853", "別の市区町村の接種券です", "the voucher is another municipality's"),
    "VOUCHER_UNKNOWN": Reason("SIM-E854", "登録されていない接種券です", "the voucher is not registered"),
    "VOUCHER_TAKEN": Reason(
        "SIM-E855", "接種券番号は別の方に発行されています", "the voucher number was issued to another person"
    ),
    "DOSE_EXISTS": Reason("SIM-E856", "この接種回は登録済みです", "this dose is registered already"),
    "DOSE_ORDER": Reason(
        "SIM-E857",
        "接種回と接種日の順序が合いません",
        "the dose does not follow the person's other doses in number and day",
    ),
    "DOSE_DAY": Reason(
        "SIM-E858",
        "接種日が未来か、特例臨時接種の期間の後です",
        "the day is in the future or after the programme ended",
    ),
    "PERSON_FLAGGED": Reason("SIM-E859", "転出・死亡等のフラグが設定されています", "the person has moved out or died"),
    "CONSENT_NOT_OBTAINED": Reason("SIM-E860", "本人の同意がありません", "the person's consent was not obtained"),
    "IDENTITY_NOT_CHECKED": Reason(
        "SIM-E861", "本人確認がされていません（番号法第16条）", "identity was not checked (Number Act art. 16)"
    ),
    "NO_APPLICATION": Reason(
        "SIM-E862", "接種証明書の交付申請がありません", "there is no application for a certificate"
    ),
    "NOTHING_TO_CERTIFY": Reason(
        "SIM-E863",
        "この市区町村で証明できる接種記録がありません",
        "there is no dose that this municipality can certify",
    ),
    "PASSPORT_MISSING": Reason(
        "SIM-E864", "海外用の証明書には旅券の情報が要ります", "a certificate for use abroad needs passport data"
    ),
    "NOT_OWN_CODE": Reason(
        "SIM-E865", "自らの市区町村コードではありません", "the municipality code is not the sender's own"
    ),
    "PERSON_UNKNOWN_IN_AREA": Reason(
        "SIM-E866", "この市区町村に該当者がいません", "the municipality knows no such person"
    ),
    "DUPLICATE_ROW": Reason(
        "SIM-E867", "同じ方か同じ接種券番号の行が重複しています", "two rows name the same person or the same voucher"
    ),
    "DOSE_LINE_DIFFERS": Reason("SIM-E868", "接種回とOCRラインが一致しません", "the dose number is not the line's"),
    # health support
    "TARGET_UNKNOWN": Reason("SIM-E981", "対象者として登録されていません", "the person is not registered as a target"),
    "TARGET_OTHER_PERSON": Reason(
        "SIM-E982", "業務固有番号は別の統合番号の方のものです", "the business number is another integrated number's"
    ),
    "KIND_NOT_HERE": Reason(
        "SIM-E983", "地域健康支援システムの所管する情報ではありません", "the health system does not keep this kind"
    ),
    "NOTHING_TO_CANCEL": Reason("SIM-E984", "取り消す記録がありません", "there is no record to withdraw"),
    "TRANSMISSION_UNKNOWN": Reason("SIM-E985", "開始されていない送信です", "the transmission has not been opened"),
    "TRANSMISSION_FULL": Reason("SIM-E986", "送信の予定件数を超えています", "more rows came than were announced"),
    "TRANSMISSION_EXISTS": Reason(
        "SIM-E987", "同じ送信番号が使われています", "the transmission was opened before with another number of rows"
    ),
    "TRANSMISSION_NOT_STUCK": Reason("SIM-E988", "滞留している送信ではありません", "the transmission is not stuck"),
    "NUMBER_USE_ONLY": Reason(
        "SIM-E989",
        "個人番号による検索は番号利用事務に限られます",
        "only number-use affairs may search by individual number",
    ),
}

NO_REASON = Reason("", "", "")


def reason_of(rule: str) -> Reason:
    """The words of a rule; an empty rule has none."""
    return REASONS[rule] if rule else NO_REASON


def field_error(field: str, rule: str, detail_ja: str = "", detail_en: str = "") -> FieldError:
    """A rule's words tied to a field; the details say what was expected."""
    reason = REASONS[rule]
    return FieldError(
        field,
        reason.error_id,
        reason.ja + (f"（{detail_ja}）" if detail_ja else ""),
        reason.en + (f" ({detail_en})" if detail_en else ""),
    )


SUCCESS = frozenset({Outcome.OK, Outcome.NON_DISCLOSED})
