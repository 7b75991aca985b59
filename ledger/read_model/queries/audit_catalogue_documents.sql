-- Every published version of a controller's catalogue, newest first.
select document
from catalogue
where controller_id = $1
order by version desc;
