"""地域健康支援システム (assessment, system 2): input, inquiry, extraction; the source of the originals (正本)."""
