#include "worker-tickets/ticket_text.h"

#include <fontconfig/fontconfig.h>
#include <math.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>
#include <pthread.h>
#include <string.h>

/* Outlines are taken at this many times their size, since both FreeType and cairo keep points as
 * fractions of a 64th and a 256th. */
enum { PRECISION = 16 };
#define SHRINK_STEP 0.94

/* Caches are only read where the package manager made them; without them fonts are scanned. */
static const char fontconfig_xml[] =
	"<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig>"
	"<dir>/usr/share/fonts/truetype</dir>"
	"<cachedir>/var/cache/fontconfig</cachedir>"
	"<selectfont><rejectfont>"
	"<pattern><patelt name=\"color\"><bool>true</bool></patelt></pattern>"
	"<pattern><patelt name=\"outline\"><bool>false</bool></patelt></pattern>"
	"</rejectfont></selectfont></fontconfig>";

/* Room above and below the ink of a block, in ems. */
#define ABOVE_INK 0.25
#define BELOW_INK 0.20
/* Ink beside its line that is nobody's concern, in ems. */
#define OVERHANG 0.15

/* The part of a layout that becomes the block, in points. */
struct outline_frame {
	double left, top, width, height;
	double scale;
};

static FcConfig *font_config;

/* What is drawn with, one for all threads: cairo 1.16 shares scaled fonts between threads, and
 * takes their locks and that of its glyph pages in both orders when it makes room for glyphs. */
static struct {
	pthread_mutex_t lock;
	PangoContext *context;
	cairo_t *cairo;
} shaper = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum status load_fonts(struct problem *err)
{
	FcConfig *config = FcConfigCreate();

	if (!config ||
	    !FcConfigParseAndLoadFromMemory(config, (const FcChar8 *)fontconfig_xml, FcTrue) ||
	    !FcConfigBuildFonts(config))
		return problem_set(err, ST_INTERNAL_ERROR, "fontconfig does not start");

	const FcFontSet *fonts = FcConfigGetFonts(config, FcSetSystem);

	if (!fonts || fonts->nfont == 0)
		return problem_set(err, ST_INTERNAL_ERROR,
				   "no fonts below /usr/share/fonts/truetype");
	/* Pango asks for the current configuration too; this keeps /etc/fonts out of it. */
	FcConfigSetCurrent(config);
	font_config = config;
	return OK;
}

/* Outlines as drawn by the designer: no hints, no rounding to pixels. */
static void use_exact_outlines(PangoContext *context)
{
	cairo_font_options_t *options = cairo_font_options_create();

	cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
	cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
	pango_cairo_context_set_font_options(context, options);
	pango_context_set_round_glyph_positions(context, FALSE);
	cairo_font_options_destroy(options);
}

static void make_shaper(void)
{
	PangoFontMap *map = pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT);
	/* Without bounds: on any other surface cairo leaves out glyphs far outside of it. */
	cairo_surface_t *surface = cairo_recording_surface_create(CAIRO_CONTENT_ALPHA, NULL);

	pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(map), font_config);
	/* One unit is one point. */
	pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(map), 72);
	shaper.context = pango_font_map_create_context(map);
	pango_context_set_language(shaper.context, pango_language_from_string("en"));
	use_exact_outlines(shaper.context);
	shaper.cairo = cairo_create(surface);
	cairo_scale(shaper.cairo, PRECISION, PRECISION);
	pango_cairo_update_context(shaper.cairo, shaper.context);
	cairo_surface_destroy(surface);
	g_object_unref(map);
}

enum status ticket_text_init(struct problem *err)
{
	if (font_config)
		return OK;

	enum status status = load_fonts(err);

	if (!status)
		make_shaper();
	return status;
}

/* Characters that a line of print does not show: controls, soft hyphen, byte order mark. */
static bool is_dropped(gunichar c)
{
	return c == 0xAD || c == 0xFEFF || (g_unichar_iscntrl(c) && !g_unichar_isspace(c));
}

static bool is_blank(gunichar c)
{
	return c == ' ' || c == 0x85 || c == 0x2028 || c == 0x2029 || (c >= '\t' && c <= '\r');
}

char *ticket_text_clean(struct arena *arena, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *composed = g_utf8_normalize(valid, -1, G_NORMALIZE_NFC);
	struct strbuf out;
	bool blank = false;

	strbuf_init(&out, arena);
	for (char *at = composed; *at; at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);

		if (is_blank(c)) {
			blank = out.len > 0;
		} else if (!is_dropped(c)) {
			if (blank)
				strbuf_addc(&out, ' ');
			blank = false;
			strbuf_add(&out, at, (size_t)(g_utf8_next_char(at) - at));
		}
	}
	return out.len ? out.buf : arena_strdup(arena, "");
}

static void set_size(PangoLayout *layout, const struct text_box *box, double size)
{
	PangoFontDescription *font = pango_font_description_from_string(TICKET_TEXT_FAMILIES);

	pango_font_description_set_weight(font,
					  box->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
	pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
	pango_layout_set_font_description(layout, font);
	pango_font_description_free(font);
}

/* The lines, and ink that leaves them by more than a little (stacked marks do). What fonts reserve
 * above the first line and below the last differs by a factor of two between scripts: the block
 * keeps as much of it as Latin has. */
static void find_frame(PangoLayout *layout, double size, struct outline_frame *ret)
{
	PangoRectangle ink, lines;

	pango_layout_get_extents(layout, &ink, &lines);

	double unit = 1.0 / PANGO_SCALE;
	double left = fmin(lines.x * unit, ink.x * unit + OVERHANG * size);
	double right =
		fmax((lines.x + lines.width) * unit, (ink.x + ink.width) * unit - OVERHANG * size);
	double top = fmax(lines.y * unit, ink.y * unit - ABOVE_INK * size);
	double bottom = fmin((lines.y + lines.height) * unit,
			     (ink.y + ink.height) * unit + BELOW_INK * size);

	top = fmin(top, ink.y * unit);
	bottom = fmax(bottom, (ink.y + ink.height) * unit);
	*ret = (struct outline_frame){left, top, right - left, bottom - top, 1};
}

static bool fits(PangoLayout *layout, const struct text_box *box, double size)
{
	struct outline_frame frame;

	find_frame(layout, size, &frame);
	return frame.width <= box->width && frame.height <= box->max_height;
}

/* The largest size that fits, else the smallest with an ellipsis. */
static double choose_size(PangoLayout *layout, const struct text_box *box)
{
	double size = box->size_max;

	while (size > box->size_min) {
		set_size(layout, box, size);
		if (fits(layout, box, size))
			return size;
		size *= SHRINK_STEP;
	}
	set_size(layout, box, box->size_min);
	pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
	pango_layout_set_height(layout, (int)(box->max_height * PANGO_SCALE));
	return box->size_min;
}

static PangoLayout *make_layout(const char *text, const struct text_box *box)
{
	PangoLayout *layout = pango_layout_new(shaper.context);

	pango_layout_set_text(layout, text, -1);
	pango_layout_set_width(layout, (int)floor(box->width * PANGO_SCALE));
	pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
	return layout;
}

static void copy_step(const cairo_path_data_t *data, const struct outline_frame *frame,
		      struct outline_op *op)
{
	static const enum outline_kind kinds[] = {
		[CAIRO_PATH_MOVE_TO] = OUTLINE_MOVE,
		[CAIRO_PATH_LINE_TO] = OUTLINE_LINE,
		[CAIRO_PATH_CURVE_TO] = OUTLINE_CURVE,
		[CAIRO_PATH_CLOSE_PATH] = OUTLINE_CLOSE,
	};

	op->kind = kinds[data->header.type];
	for (int i = 1; i < data->header.length; i++) {
		op->x[i - 1] = (data[i].point.x - frame->left) * frame->scale;
		op->y[i - 1] = (data[i].point.y - frame->top) * frame->scale;
	}
}

static void copy_path(struct arena *arena, cairo_t *cairo, const struct outline_frame *frame,
		      struct outline *ret)
{
	cairo_path_t *path = cairo_copy_path(cairo);
	struct outline_op *ops = arena_calloc(arena, (size_t)path->num_data + 1, sizeof(*ops));
	size_t count = 0;

	if (path->status != CAIRO_STATUS_SUCCESS)
		fatal("cairo: %s", cairo_status_to_string(path->status));
	for (int i = 0; i < path->num_data; i += path->data[i].header.length)
		copy_step(&path->data[i], frame, &ops[count++]);
	cairo_path_destroy(path);
	ret->ops = ops;
	ret->count = count;
}

void ticket_text_outline(struct arena *arena, const char *text, const struct text_box *box,
			 struct outline *ret, double *ret_size)
{
	struct outline_frame frame;

	pthread_mutex_lock(&shaper.lock);

	PangoLayout *layout = make_layout(text, box);

	*ret_size = choose_size(layout, box);
	find_frame(layout, *ret_size, &frame);
	frame.scale = fmin(1, fmin(box->width / frame.width, box->max_height / frame.height));
	cairo_new_path(shaper.cairo);
	cairo_move_to(shaper.cairo, 0, 0);
	pango_cairo_layout_path(shaper.cairo, layout);
	copy_path(arena, shaper.cairo, &frame, ret);
	g_object_unref(layout);
	pthread_mutex_unlock(&shaper.lock);
	ret->width = frame.width * frame.scale;
	ret->height = frame.height * frame.scale;
}
