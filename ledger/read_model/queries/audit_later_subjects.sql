-- How many subjects a comparison up to a cut leaves out.
select count(*) from later_subject;
