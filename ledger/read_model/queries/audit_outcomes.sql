-- How many records of the rebuilt history had which outcome.
select outcome, count(*) as records from history group by outcome order by outcome;
