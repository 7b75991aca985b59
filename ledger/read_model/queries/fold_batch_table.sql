-- Where a batch's standing rows are copied before they are joined with those that stand; emptied by every commit.
create temporary table if not exists batch_standing (like standing) on commit delete rows;
