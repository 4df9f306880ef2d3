"""What a job is: states, tables, the repository with all SQL, object storage, settings, the doorbell to the workers."""
