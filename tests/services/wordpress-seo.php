<?php
/**
 * Plugin Name: Plugins for search engines, in the shapes of their REST APIs.
 *
 * The file "seo" among the switches names which: yoast, yoast-closed (a version without keys to be written), rankmath,
 * aioseo, seopress.
 */

namespace Galley\Seo;

use WP_REST_Request;

const META = array(
	'yoast'    => array( '_yoast_wpseo_title', '_yoast_wpseo_metadesc', '_yoast_wpseo_focuskw' ),
	'seopress' => array( '_seopress_titles_title', '_seopress_titles_desc' ),
);

const NAMESPACES = array(
	'yoast'        => 'yoast/v1',
	'yoast-closed' => 'yoast/v1',
	'rankmath'     => 'rankmath/v1',
	'aioseo'       => 'aioseo/v1',
	'seopress'     => 'seopress/v1',
);

function may_edit(): bool {
	return current_user_can( 'edit_posts' );
}

function update_meta( WP_REST_Request $request ): array {
	foreach ( $request['meta'] as $key => $value ) {
		update_post_meta( (int) $request['objectID'], $key, sanitize_text_field( $value ) );
	}
	return array( 'slug' => true );
}

function write_row( array $words, object $post ): void {
	update_post_meta( $post->ID, '_aioseo_row', array_intersect_key( $words, array( 'title' => 1, 'description' => 1 ) ) );
}

function routes( string $plugin ): void {
	$route = array( 'methods' => 'POST', 'permission_callback' => __NAMESPACE__ . '\may_edit' );
	register_rest_route( NAMESPACES[ $plugin ], 'updateMeta', $route + array( 'callback' => __NAMESPACE__ . '\update_meta' ) );
	if ( 'aioseo' === $plugin ) {
		$field = array(
			'get_callback'    => fn( $post ) => get_post_meta( $post['id'], '_aioseo_row', true ) ?: array(),
			'update_callback' => __NAMESPACE__ . '\write_row',
		);
		register_rest_field( 'post', 'aioseo_meta_data', $field );
	}
}

function keys( string $plugin ): void {
	$key = array(
		'type'          => 'string',
		'single'        => true,
		'show_in_rest'  => true,
		'auth_callback' => __NAMESPACE__ . '\may_edit',
	);
	foreach ( META[ $plugin ] ?? array() as $name ) {
		register_post_meta( 'post', $name, $key );
	}
}

$switch = getenv( 'GALLEY_SWITCHES' ) . '/seo';
if ( file_exists( $switch ) ) {
	$plugin = file_get_contents( $switch );
	add_action( 'init', fn() => keys( $plugin ) );
	add_action( 'rest_api_init', fn() => routes( $plugin ) );
}
