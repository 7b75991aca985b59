-- How far the live partitions of subjects must be folded for the noes that were taken while they were blocked.
select
    subject_id,
    late_next_offset
from vault.subject
where controller_id = $1 and subject_id = any($2::uuid []) and late_next_offset is not null;
