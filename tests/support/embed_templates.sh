#!/bin/sh
# Turn the mail templates into C: embed_templates.sh DIRECTORY SOURCE
# DIRECTORY has one folder a locale: NAME.subject, NAME.txt and NAME.html of each mail, and the
# layout.html that every html goes into.
set -eu
directory=$1 source=$2

# A file as C string literals; the subject's newline is cut off.
literals() {
	if [ ! -s "$1" ]; then
		echo "empty or missing template: $1" >&2
		exit 1
	fi
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e "s/\$/$2\"/" "$1"
}

{
	echo "/* Made from template files; do not edit. */"
	echo "#include \"worker-email/template.h\""
	echo "const struct mail_template mail_templates[] = {"
	for locale in "$directory"/*/; do
		locale=$(basename "$locale")
		for subject in "$directory/$locale"/*.subject; do
			name=$(basename "$subject" .subject)
			stem=$directory/$locale/$name
			echo "{\"$locale\", \"$name\","
			literals "$stem.subject" ""
			echo ","
			literals "$stem.txt" "\\\\n"
			echo ","
			literals "$stem.html" "\\\\n"
			echo ","
			literals "$directory/$locale/layout.html" "\\\\n"
			echo "},"
		done
	done
	echo "};"
	echo "const size_t mail_template_count = sizeof(mail_templates) / sizeof(mail_templates[0]);"
} > "$source.tmp"
mv "$source.tmp" "$source"
