-- The document of one version of a catalogue.
select document
from catalogue
where controller_id = $1 and version = $2 and digest = $3;
