-- The admissions that the live fold could not carry out, by entry.
select controller_id, generation, lane, partition, "offset", refused_admissions
from live_quarantine
where refused_admissions <> '{}';
