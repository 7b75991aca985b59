-- The catalogue of a controller that is in force at a time in ms: the latest to take effect, and of those the newest.
select
    version,
    digest
from catalogue
where controller_id = $1 and effective_from_ms <= $2
order by effective_from_ms desc, version desc
limit 1;
