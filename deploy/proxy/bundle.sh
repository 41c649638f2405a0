#!/bin/sh
# Makes the folder that a proxy needs to run codecs: the engine's module, Python with its standard library, and packages.
# The proxy's environment must have LD_LIBRARY_PATH=FOLDER/lib.
#
#   bundle.sh FOLDER [what pip installs into it...]
#
# PYTHON is the interpreter that is copied (python3); it must have its shared library. Without pip's arguments FOLDER has
# no packages yet: copy or install them into FOLDER/packages.
set -eu

folder=$1
shift
python=${PYTHON:-python3}

mkdir -p "$folder/python/lib" "$folder/packages"
if [ $# -gt 0 ]; then
    "$python" -m pip install --quiet --no-compile --target "$folder/packages" "$@"
fi

library=$("$python" -c 'import os, sysconfig
get = sysconfig.get_config_var
print(os.path.join(get("LIBDIR"), get("INSTSONAME") if "so" in get("INSTSONAME") else get("LDLIBRARY")))')
[ -e "$library" ] || { echo "$python has no shared library: $library is not there" >&2; exit 1; }
cp -L "$library" "$folder/libpython.so"

# The standard library, without what no codec imports.
standard=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
name=$(basename "$standard")
mkdir -p "$folder/python/lib/$name"
for entry in "$standard"/*; do
    case ${entry##*/} in
    site-packages | test | idlelib | tkinter | turtledemo | ensurepip | lib2to3 | pydoc_data | config-*) ;;
    *) cp -R "$entry" "$folder/python/lib/$name/" ;;
    esac
done
modules=$folder/python/lib/$name/lib-dynload
for entry in _curses _curses_panel _dbm _gdbm _sqlite3 _tkinter nis readline; do
    rm -f "$modules/$entry".*
done

# The libraries that its modules need beyond those of C, for LD_LIBRARY_PATH.
mkdir -p "$folder/lib"
for entry in "$folder/libpython.so" "$modules"/*.so; do
    ldd "$entry"
done | sed -n 's/^[[:space:]]*\(lib[^ ]*\) => \(\/[^ ]*\).*/\1 \2/p' | sort -u | while read -r needed path; do
    case $needed in
    libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libutil.so.* | libpython*) ;;
    *) cp -L "$path" "$folder/lib/$needed" ;;
    esac
done

find "$folder" -name __pycache__ -type d -prune -exec rm -rf {} +
# The proxy's user only reads.
chmod -R a+rX,go-w "$folder"
