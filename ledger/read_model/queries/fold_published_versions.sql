-- The catalogue versions that stand, so that a number counts once.
select version, digest
from catalogue
where controller_id = $1;
