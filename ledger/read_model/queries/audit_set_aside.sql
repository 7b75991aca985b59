-- The records of one partition that the live fold set aside because they had ended its process: not decoded again.
select "offset"
from live_quarantine
where controller_id = $1 and generation = $2 and lane = $3 and partition = $4 and reason = $5
order by "offset";
