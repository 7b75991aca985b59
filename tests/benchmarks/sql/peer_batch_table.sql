-- Where a batch is copied before it is joined with the rows that stand.
create temporary table batch (like peer.standing) on commit delete rows;
