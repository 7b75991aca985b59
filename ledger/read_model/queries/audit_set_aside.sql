-- The records of one partition that the live fold took for doubtful, with the reason it had then; but for reasons $5.
select "offset", reason
from live_quarantine
where controller_id = $1 and generation = $2 and lane = $3 and partition = $4 and reason <> all($5::text [])
order by "offset";
