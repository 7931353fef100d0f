import type { ProgramRow } from "../row.ts";

/** Programs that typeset, convert, draw and play. */
export const documents: readonly ProgramRow[] = [
  {
    names:
      "tex etex pdftex latex pdflatex xetex xelatex luatex lualatex luahbtex platex uplatex eplain context amstex mex tectonic texi2dvi texi2pdf dvips dvipdf dvipdfm dvipdfmx arara latexrun ps2pdf epstopdf",
    grammar: "long",
    options: {
      "exec-flag": "shell-escape enable-write18 luaonly lua luaconly",
      value: "output-directory jobname interaction fmt",
    },
    texts: [
      { of: "arguments", refuses: "^-{1,2}(?:shell-escape|enable-write18|lua)", finds: "exec" },
      {
        of: "operands",
        refuses: "write18|\\\\(?:directlua|latelua|openin|openout|input)\\b[^\\n]*(?:\\||lua)|\\\\directlua|^\\|",
        finds: "shell",
      },
      { of: "arguments", refuses: "%pipe%|^-R0$|^-z0$", finds: "shell" },
    ],
    match: [
      "pdflatex -shell-escape x.tex",
      "pdflatex --shell-escape x.tex",
      "tex --enable-write18 x",
      ["latex", "\\immediate\\write18{ls}"],
      ["lualatex", "\\directlua{os.execute('ls')}"],
      ["pdflatex", "\\input{|ls}"],
      "dvips -R0 x",
    ],
    not_match: [
      "pdflatex -interaction=nonstopmode paper.tex",
      "xelatex -output-directory=out x.tex",
      "pdflatex -no-shell-escape x.tex",
      ["pdflatex", "\\input{x.tex}"],
    ],
  },
  {
    names: "latexmk rubber",
    grammar: "words",
    options: { code: "-e", file: "-r", "exec-flag": "-shell-escape --shell-escape -enable-write18" },
    texts: [
      {
        of: "arguments",
        refuses:
          "^-{1,2}(?:pdf|xe|lua|hnt)?(?:latex|lualatex|xelatex|pdflatex|dvi|ps|pdf)(?:program)?=|^-{1,2}(?:usepretex|pretex|print|pvc-?cmd|view)=|^-{1,2}latexoption=.*(?:shell|write18)|-{1,2}(?:dvi|ps|pdf)?previewer=|-filter",
        finds: "exec",
      },
    ],
    match: [
      "latexmk -e 'system(1)'",
      "latexmk -pdf -pdflatex='sh -c ls' x",
      "latexmk -shell-escape x",
      "latexmk -latex=ls x",
    ],
    not_match: ["latexmk -pdf x.tex", "latexmk -c"],
  },
  {
    names: "troff groff pic nroff eqn gtroff geqn gpic soelim tbl grog gnroff groffer zsoelim",
    grammar: "getopt",
    options: { "exec-flag": "-UC", value: "-fFmMnoprTwWdLPI" },
    match: ["troff -U x", "groff -U x", "groff -tU x", "pic -U x"],
    not_match: ["groff -man -Tutf8 x.1", "nroff -ms x"],
  },
  {
    names: "gs ghostscript gsx gswin64c ps2ps pdf2ps ps2ascii eps2eps pfbtops",
    grammar: "words",
    options: { code: "-c", "code-flag": "-_ -" },
    texts: [
      { of: "arguments", refuses: "%pipe%|^-dNOSAFER|^-dDELAYSAFER|^-s\\w+=\\s*\\||^-$|--permit-file", finds: "shell" },
    ],
    match: [
      ["gs", "-sOutputFile=%pipe%ls", "x.ps"],
      ["gs", "-o", "%pipe%ls", "x"],
      "gs -dNOSAFER x.ps",
      "gs -c '(x) run'",
      "gs -",
    ],
    not_match: ["gs -q -dNOPAUSE -dBATCH -sDEVICE=pdfwrite -sOutputFile=out.pdf in.ps"],
  },
  {
    names:
      "convert magick identify mogrify montage composite display import animate stream conjure compare gm sox play rec soxi gource feh scrot maim imv sxiv",
    grammar: "long",
    options: { exec: "e exec action A", value: "resize quality format define" },
    texts: [
      {
        of: "arguments",
        refuses: "^(?:[a-z0-9]+:)?\\s*\\||^-{1,2}action\\d*|^(?:msl|ephemeral|url|https?):",
        finds: "exec",
      },
    ],
    match: [
      "identify '|ls'",
      "convert 'png:|ls' x",
      "sox '|ls' x.wav",
      "sox x.wav '|ls'",
      "feh --action ls x",
      "scrot -e ls",
      "convert msl:x y",
    ],
    not_match: ["identify in.png", "convert in.png -resize 50% out.png", "sox in.wav out.wav", "magick in.png out.jpg"],
  },
  {
    names: "ffmpeg ffprobe ffplay avconv mpv mplayer vlc cvlc mencoder gst-launch-1.0",
    grammar: "long",
    options: {
      exec: "lua-intf script scripts input-commands ytdl-path script-opts input-ipc-server",
    },
    texts: [
      { of: "arguments", refuses: "ladspa=.*file|frei0r|lv2=|^-{1,2}(?:lua-intf|script)s?=|subfile,,,", finds: "exec" },
    ],
    match: [
      "ffmpeg -f lavfi -i anullsrc -af ladspa=file=./x.so y.wav",
      "vlc --lua-intf=./x y",
      "mpv --script=./x.lua y",
    ],
    not_match: [
      "ffmpeg -i in.mp4 -vcodec libx264 out.mp4",
      "ffmpeg -i in.mp4 -vf scale=640:-1 -frames:v 1 out.png",
      "ffprobe x.mp4",
    ],
  },
  {
    names:
      "pandoc asciidoctor asciidoctor-pdf rst2html doxygen sphinx-quickstart highlight pygmentize a2ps zathura xpdf evince wkhtmltopdf weasyprint pdfinfo redcarpet jekyll",
    grammar: "getopt",
    options: {
      exec: "-F --filter --synctex-editor-command -x --pdf-viewer --style-hook",
      file: "-L --lua-filter --require --plug-in",
      value: "-ofrtldVM --output --from --to --template",
    },
    texts: [
      {
        options: "--pdf-engine",
        refuses: "^(?!(?:pdflatex|lualatex|xelatex|latexmk|tectonic|wkhtmltopdf|weasyprint|prince|typst|context)$)",
        finds: "exec",
      },
    ],
    match: [
      "pandoc -F ./x y.md",
      "pandoc --filter=ls x.md",
      "pandoc --pdf-engine=./x y.md",
      "pandoc -L /tmp/x.lua y",
      "pygmentize -x -l ./x.py y",
    ],
    not_match: ["pandoc -o out.pdf in.md", "asciidoctor doc.adoc", "pandoc --pdf-engine=xelatex -o x.pdf x.md"],
  },
  {
    names: "gimp gimp-console scribus",
    grammar: "long",
    options: { code: "b batch batch-interpreter python-script", flag: "i d f n" },
    match: ["gimp -idf --batch-interpreter=python-fu-eval -b 'x'"],
    not_match: ["gimp --version"],
  },
  {
    names:
      "blender inkscape libreoffice soffice lowriter localc freecad openscad krita darktable audacity maya unity godot gqview eog",
    grammar: "long",
    options: {
      code: "python-expr python-console expr shell actions",
      file: "python P python-text",
      exec: "accept",
      value: "o f F s e outdir convert-to",
      flag: "headless background version b",
    },
    texts: [{ of: "arguments", refuses: "^macro:|^vnd\\.sun\\.star\\.script:|^-{1,2}accept=", finds: "code" }],
    match: [
      "blender --python-expr 'import os'",
      "libreoffice --headless 'macro:///x.y.z'",
      "soffice '--accept=socket,host=0.0.0.0;urp'",
    ],
    not_match: [
      "libreoffice --headless --convert-to pdf x.docx",
      "inkscape x.svg -o x.png",
      "blender --version",
      "blender -b x.blend -f 1",
    ],
  },
];
