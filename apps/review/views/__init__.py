"""The pages, one file each. Streamlit would run a folder named `pages` by itself, without the frame of app.py."""
