from videoinfer.main import app

app(prog_name="videoinfer")
