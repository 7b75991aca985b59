-- The search_path as it stands, to be put back.
select current_setting('search_path');
