-- お知らせ: what institutions tell a person through the portal, by the institution's own linkage code.

create table portal_notices (
    institution_code text not null,
    notice_id text not null,
    linkage_code text not null,
    title text not null,
    body text not null,
    sent_at bigint not null,
    primary key (institution_code, notice_id)
);
create index portal_notices_by_institution_linkage on portal_notices (institution_code, linkage_code);
