-- Whether the vault has carried this out: the request is so far, and the subject, if all of it goes, is destroyed.
select
    r.state in ('destroyed', 'ordered', 'complete')
    and (
        not $4
        or exists (
            select 1 from vault.subject as s
            where s.controller_id = $1 and s.subject_id = $3 and s.state = 'destroyed'
        )
    )
from vault.rights_request as r
where r.controller_id = $1 and r.request_id = $2;
