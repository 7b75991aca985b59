-- The steps of a request, in the order in which they were taken.
select step, at_ms from vault.request_step
where controller_id = $1 and request_id = $2
order by at_ms, step;
