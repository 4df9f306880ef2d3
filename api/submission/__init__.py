"""`POST /jobs`: the form's fields, the streamed multipart body, and the two put together as a job."""
