-- The audit in the background: one quota at a time has the role. It recounts into temporary tables of its own.
GRANT SELECT, INSERT, UPDATE ON role_lease TO sk_quota;
