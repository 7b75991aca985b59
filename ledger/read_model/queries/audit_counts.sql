-- How many rows a comparison covers, by table, in the copy of the live read model.
select
    (select count(*) from live_standing) as standing,
    (select count(*) from live_history) as history,
    (select count(*) from live_quarantine) as quarantine,
    (select count(*) from live_catalogue) as catalogue,
    (select count(*) from live_position) as position;
