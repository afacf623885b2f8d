"""Tables of the images that control keeps."""
