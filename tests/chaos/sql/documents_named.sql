SELECT location, encode(pdf_sha256, 'hex') FROM documents WHERE location IS NOT NULL
